"""Terminal, page, report, summary, artifact and exit code tell the planted duplicates, and agree with each other."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.publish import key_of
from tests.build import write_folder
from tests.flows.planted_splits import PACKAGINGS, Case, Family, Picture, Truth, files_of, inside, truth
from tests.flows.test_cli import here

pytestmark = pytest.mark.usefixtures("prefect_server")

ALL = {"train": 40, "validation": 24, "test": 30}
TWO = {"train": 40, "test": 30}
SAME, OTHER = "same", "recoloured"
FAMILIES: tuple[Family, ...] = (
    *({"train": SAME, split: look} for split in ("validation", "test") for look in (SAME, OTHER)),
    *({"train": SAME, "validation": one, "test": other} for one in (SAME, OTHER) for other in (SAME, OTHER)),
    *({"validation": SAME, "test": look} for look in (SAME, OTHER)),
)
CASES: dict[str, Case] = {
    "clean": Case(ALL),
    "leaks in both": Case(ALL, FAMILIES),
    "in validation only": Case(ALL, ({"validation": SAME, "test": SAME},)),
    "undecided in one": Case(ALL, ({"train": SAME, "test": OTHER},)),
    "undecided in both": Case(ALL, ({"train": SAME, "test": OTHER}, {"validation": SAME, "test": OTHER})),
    "undecided under a duplicate": Case(ALL, ({"train": SAME, "validation": OTHER, "test": OTHER},)),
    "fully leaked": Case(ALL | {"test": 0}, ({"train": SAME, "test": SAME}, {"train": SAME, "test": SAME})),
    "two splits": Case(TWO, ({"train": SAME, "test": SAME}, {"train": SAME, "test": OTHER})),
    "only validation": Case({"train": 40, "validation": 30}, ({"train": SAME, "validation": SAME},)),
}


def counted(number: int, of: Truth) -> str:
    noun = "images" if of.rows != 1 else "image"
    return f"{number} of {of.rows} {of.split} {noun}"


def headline(found: list[Truth], splits: set[str]) -> str:
    """Return the first sentence, of the first split about which there is something to say."""
    of = next((one for one in found if one.duplicates or one.undecided), found[0])
    where = "train or validation" if of.split == "test" and "validation" in splits else "train"
    more = of.duplicates - of.in_train
    first = of.in_train or of.duplicates
    share = (
        f"{first} of the {of.rows} {of.split} images ({100 * first / of.rows:.1f} %) {'has' if first == 1 else 'have'}"
    )
    if of.in_train:
        return f"{share} a duplicate in train{f'; {more} more in validation' if more else ''}."
    if of.duplicates:
        return f"{share} a duplicate in validation."
    if of.undecided:
        return f"{of.undecided} of the {of.rows} {of.split} images may have a duplicate in {where}; none is certain."
    return f"No duplicates of the {of.rows} {of.split} images were found in {where}."


def lines_of(terminal: str) -> dict[str, str]:
    return dict(re.findall(r"^(duplicates|undecided|left|next) +(.+)$", terminal, re.MULTILINE))


def told_alike(run: Path, terminal: str, said: str) -> None:
    """Find one sentence in the terminal, on the page and in the text of a run."""
    assert said in terminal
    page = re.sub(r"<[^>]+>", "", (run / "report.html").read_text())
    assert said in page
    assert said in (run / "README.md").read_text()


@pytest.mark.parametrize(
    ("packaging", "name"),
    [("folder", name) for name in CASES] + [(form, "leaks in both") for form in PACKAGINGS if form != "folder"],
)
def test_every_packaging_of_every_case_is_told_as_it_is(packaging: str, name: str, tmp_path: Path) -> None:
    case = CASES[name]
    splits = case.drawn(1 + list(PACKAGINGS).index(packaging) + list(CASES).index(name))
    source = str(PACKAGINGS[packaging](tmp_path / "set", splits))
    summary = tmp_path / "summary.md"
    done = here("audit", source, "--max-overlap", "0", "--workspace", str(tmp_path / "w"), "--summary", str(summary))
    found = truth(splits)
    expected = 4 if any(of.duplicates for of in found) else 5 if any(of.undecided for of in found) else 0
    assert done.returncode == expected, done.stderr

    run = Path(done.stdout.strip())
    states = json.loads((run / "report.json").read_text())["states"]
    assert [{key: of[key] for key in vars(one)} for of, one in zip(states, found, strict=True)] == [*map(vars, found)]
    assert [of["left"] for of in states] == [of.left for of in found]

    lines = lines_of(done.stderr)
    for state in ("duplicates", "undecided", "left"):
        assert lines[state] == ", ".join(counted(getattr(of, state), of) for of in found)
    told_alike(run, done.stderr, headline(found, set(splits)))
    assert headline(found, set(splits)) in summary.read_text()
    with get_client(sync_client=True) as client:
        key = ArtifactFilter(key=ArtifactFilterKey(any_=[f"cleansplit-{key_of([source])}-summary"]))
        artifacts = client.read_artifacts(artifact_filter=key)
    assert str(artifacts[0].description).startswith(headline(found, set(splits)))
    if any(of.undecided for of in found):
        assert lines["next"].startswith("cleansplit review")
    elif not found[0].left:
        assert "--protect=test" in lines["next"]
    elif expected:
        assert lines["next"].startswith("cleansplit apply")


@pytest.mark.parametrize("name", ["clean", "leaks in both", "undecided in both"])
def test_one_set_is_told_as_it_is(name: str, tmp_path: Path) -> None:
    splits = CASES[name].drawn(40)
    source = write_folder(tmp_path / "set", {path.split("/", 1)[1]: data for path, data in files_of(splits).items()})
    done = here("dedupe", str(source), "--max-duplicates", "0", "--workspace", str(tmp_path / "w"))
    of = inside([one for own in splits.values() for one in own])
    assert done.returncode == (4 if of.duplicates else 5 if of.undecided else 0), done.stderr
    run = Path(done.stdout.strip())
    (states,) = json.loads((run / "report.json").read_text())["states"]
    assert (states["rows"], states["duplicates"], states["undecided"]) == (of.rows, of.duplicates, of.undecided)
    assert states["left"] == of.left
    said = f"{of.duplicates} of the {of.rows} images {'is a duplicate' if of.duplicates == 1 else 'are duplicates'}."
    if not of.duplicates:
        said = f"{of.undecided} of the {of.rows} images may be duplicates; none is certain."
        said = said if of.undecided else f"No duplicates were found among the {of.rows} images."
    told_alike(run, done.stderr, said)


@pytest.mark.parametrize("name", ["clean", "two splits", "undecided in one"])
def test_a_batch_is_told_as_it_is(name: str, tmp_path: Path) -> None:
    splits = CASES[name].drawn(50)
    known, batch = ({"train": splits["train"]}, {"train": splits["train"], "test": splits["test"]})
    where = ("--workspace", str(tmp_path / "w"))
    assert here("reference", "add", "known", str(write_folder(tmp_path / "a", files_of(known))), *where).returncode == 0
    source = str(write_folder(tmp_path / "b", files_of({"test": splits["test"]})))
    done = here("arrivals", source, "--against", "known", "--max-duplicates", "0", *where)
    (of,) = truth(batch)
    assert done.returncode == (4 if of.duplicates else 5 if of.undecided else 0), done.stderr
    some = {"new": of.left, "known": of.duplicates, "undecided": of.undecided}
    said = ", ".join(f"{count} {result}" for result, count in some.items() if count)
    told = json.loads((Path(done.stdout.strip()) / "report.json").read_text())
    assert told["rows"] == {result: count for result, count in some.items() if count}
    assert f": {said}; see " in done.stderr
    assert "Mostly missed are copies that are " in done.stderr
    assert "Mostly missed are copies that are " in (Path(done.stdout.strip()) / "report.html").read_text()


@pytest.mark.parametrize("command", ["split", "run"])
def test_drawn_splits_are_told_as_they_are(command: str, tmp_path: Path) -> None:
    """The pictures of each split are read from the published tables: which they are is drawn."""
    splits = CASES["leaks in both"].drawn(60)
    pool = {split: splits[split] for split in ("train", "validation")}
    large = str(write_folder(tmp_path / "large", {name.split("/", 1)[1]: of for name, of in files_of(pool).items()}))
    small = files_of({"test": splits["test"]})
    given = {
        "split": [large],
        "run": ["--large", large, "--small", str(write_folder(tmp_path / "small", small) / "test"), "--models", "1nn"],
    }
    done = here(command, *given[command], "--workspace", str(tmp_path / "w"))
    assert done.returncode == 0, done.stderr
    run, planted = Path(done.stdout.strip()), dict[str, list[Picture]]()
    for name in ("train", "validation", "test"):
        ids = pq.read_table(run / f"raw/{name}-00000-of-00001.parquet")["id"].to_pylist()
        parts = [Path(one).stem.split("_") for one in ids]
        planted[name] = [Picture(int(seed), look) for _, seed, look in parts]
    found = truth(planted)
    states = json.loads((run / "report.json").read_text())["states"]
    assert [{key: of[key] for key in vars(one)} for of, one in zip(states, found, strict=True)] == [*map(vars, found)]
    told_alike(run, done.stderr, headline(found, set(planted)))


def test_a_run_sanitized_anew_has_the_same_answer(tmp_path: Path) -> None:
    splits, where = CASES["leaks in both"].drawn(80), ("--workspace", str(tmp_path / "w"))
    run = here("audit", str(write_folder(tmp_path / "set", files_of(splits))), *where).stdout.strip()
    done = here("sanitize", run, "--protect", "test", *where)
    assert done.returncode == 0, done.stderr
    told = Path(done.stdout.strip())
    assert told != Path(run)
    before, after = (json.loads((Path(one) / "report.json").read_text())["states"] for one in (run, told))
    assert after == before
    told_alike(told, done.stderr, headline(truth(splits), set(splits)))


@pytest.mark.parametrize(("in_train", "in_validation", "others"), [(100, 30, 110), (176, 64, 200)])
def test_the_leak_of_train_comes_first_however_similar_validation_is(
    in_train: int, in_validation: int, others: int, tmp_path: Path
) -> None:
    own = {"train": 20, "validation": 60, "test": others}
    families: list[Family] = [{"train": SAME, "test": SAME}] * in_train
    families += [{"validation": SAME, "test": SAME}] * in_validation
    splits: dict[str, list[Picture]] = {name: [] for name in own}
    for number, family in enumerate(
        [*families, *({split: SAME} for split, count in own.items() for _ in range(count))]
    ):
        for split, look in family.items():
            splits[split].append(Picture(number, look))
    done = here("audit", str(write_folder(tmp_path / "set", files_of(splits))), "--workspace", str(tmp_path / "w"))
    rows = in_train + in_validation + others
    share = f"{100 * in_train / rows:.1f} %"
    said = (
        f"{in_train} of the {rows} test images ({share}) have a duplicate in train; {in_validation} more in validation."
    )
    assert said in done.stderr.splitlines()


def test_a_split_without_an_image_that_can_be_read_is_refused(tmp_path: Path) -> None:
    files = files_of(Case(TWO).drawn(70))
    empty = {name: data for name, data in files.items() if name.startswith("train/")} | {"test/a/broken.jpg": b"no"}
    done = here("audit", str(write_folder(tmp_path / "set", empty)), "--workspace", str(tmp_path / "w"))
    assert done.returncode == 3, done.stderr
    assert "no image of test " in done.stderr
    assert not list(tmp_path.glob("w/runs/*"))
