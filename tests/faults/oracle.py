"""Judge the remains of a fault, and the next run of the same command without the fault."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tasks.reporting.verify import verify_run
from tasks.storage.image_files import read_images
from tasks.storage.place import Place
from tasks.storage.stages import damaged_files
from tests.faults import plain
from tests.faults.plain import Ended


@dataclass
class Tally:
    """How the cases of one family ended."""

    family: str
    cases: int = 0
    survived: int = 0
    lost: int = 0
    wrong: int = 0
    unexplained: int = 0
    torn: int = 0
    notes: list[str] = field(default_factory=list)

    def count(self, case: str, problems: Counter[str]) -> None:
        """Count a case; it survived if it has no problems."""
        self.cases += 1
        self.survived += not problems
        self.lost += problems["lost"]
        self.wrong += problems["wrong"]
        self.unexplained += problems["unexplained"]
        self.torn += problems["torn"]
        if problems:
            self.notes.append(f"{case}: {', '.join(f'{count} {what}' for what, count in problems.items())}")

    def line(self) -> str:
        """Return the family's line."""
        return f"{self.family:<42} {self.survived:>5}/{self.cases}"


def total(tallies: Iterable[Tally]) -> str:
    """Return the last line of the plan."""
    every = list(tallies)
    survived, cases, lost, wrong, unexplained, torn = (
        sum(getattr(tally, name) for tally in every)
        for name in ("survived", "cases", "lost", "wrong", "unexplained", "torn")
    )
    return (
        f"faults survived {survived}/{cases} · rows lost {lost} · rows wrong {wrong} · "
        f"unexplained {unexplained} · torn artifacts {torn}"
    )


@dataclass(frozen=True)
class Golden:
    """An undisturbed run of the small sources: what every other run must equal."""

    sources: dict[str, str]
    workspace: Path
    digest: str

    @classmethod
    def make(cls, folder: Path) -> "Golden":
        """Write the sources and do the run."""
        sources, workspace = plain.write_sources(folder), folder / "golden"
        ended = plain.in_child(lambda: plain.run(plain.small_spec(sources, workspace)), folder)
        if ended.code:
            raise RuntimeError(ended.said)
        return cls(sources, workspace, plain.digest(workspace))

    def run(self, workspace: Path) -> None:
        """Do the small run in another workspace."""
        plain.run(plain.small_spec(self.sources, workspace))


def judge(golden: Golden, workspace: Path, ended: Ended, expected: Iterable[int], scratch: Path) -> Counter[str]:
    """Return the problems of the end of a run, of its remains, and of the next run.

    Parameters
    ----------
    golden : Golden
    workspace : Path
    ended : Ended
        The run that met the fault.
    expected : iterable of int
        Exit codes that this fault may have.
    scratch : Path
        For the run after it.
    """
    problems: Counter[str] = Counter()
    problems["unexplained"] += not explained(ended, expected)
    problems["torn"] += torn(workspace)
    again = plain.in_child(partial(golden.run, workspace), scratch)
    problems["unexplained"] += again.code != 0
    problems += compare(golden, workspace)
    problems["torn"] += torn(workspace) + len(leftovers(workspace))
    return +problems


def explained(ended: Ended, expected: Iterable[int]) -> bool:
    """Say whether a run ended with an expected code and, where it failed by itself, one sentence."""
    if ended.code not in expected:
        return False
    one_sentence = ended.said.count("\n") == 0 and ended.said.endswith(".") and "Traceback" not in ended.said
    return ended.code <= 0 or ended.code >= 128 or one_sentence


def torn(workspace: Path) -> int:
    """Count incomplete files and folders under final names."""
    runs = [path for path in (workspace / "runs").glob("[!.]*") if path.is_dir()]
    count = sum(bool(verify_run(Place.of(run))) for run in runs)
    count += sum(bool(damaged_files(Place.of(stage))) for stage in (workspace / "stages").glob("*/[!.]*"))
    latest = workspace / "latest"
    return count + (latest.is_symlink() and not latest.exists())


def leftovers(workspace: Path) -> list[Path]:
    """Return the remains that a successful run must not leave."""
    return [path for pattern in ("*.building", ".gone.*", ".probe*", ".latest.*") for path in workspace.rglob(pattern)]


def compare(golden: Golden, workspace: Path) -> Counter[str]:
    """Count rows that the newest run lacks, and rows that it should not have or that have other pixels."""
    if plain.digest(workspace) == golden.digest:
        return Counter()
    expected, found = (rows_of(space / "latest") for space in (golden.workspace, workspace))
    lost = len(expected.keys() - found.keys())
    wrong = sum(expected.get(key) != pixels for key, pixels in found.items())
    return Counter(lost=lost, wrong=wrong, unexplained=int(not lost and not wrong))


def rows_of(run: Path) -> dict[tuple[str, str], bytes]:
    """Return the pixels of every row of a run, by file and id."""
    rows = {}
    for path in run.glob("*/*.parquet"):
        images = read_images([Place.of(path)])
        for name, gray in zip(images.ids.to_pylist(), images.gray, strict=True):
            rows[f"{path.parent.name}/{path.name}", name] = gray.tobytes()
    return rows
