"""The answer names the kinds of copies that a search misses, and these are missed."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tasks.records.verdict import ChangedCopies
from tasks.reporting.searched import KINDS, searched_kinds
from tests.benchmarks.kinds import OF_GLYPHS, OF_PHOTOGRAPHS
from tests.benchmarks.photos import Change
from tests.build import glyphs, png, saved, scene, write_folder
from tests.flows.test_cli import here

pytestmark = pytest.mark.usefixtures("prefect_server")

COPIES = 20


def set_of(change: Change) -> dict[str, bytes]:
    """Return photographs of train; test has 20 changed copies of these, and 40 others."""
    pictures = [scene(240, 224, seed) for seed in range(140)]
    files = {f"train/a/{seed}.jpg": saved(pictures[seed], "JPEG", quality=92) for seed in range(100)}
    files |= {f"test/a/{seed}.jpg": saved(pictures[seed], "JPEG", quality=92) for seed in range(100, 140)}
    return files | {f"test/a/copy{n}.jpg": saved(change(pictures[n]), "JPEG", quality=92) for n in range(COPIES)}


@pytest.mark.parametrize("kind", ["stored as JPEG 30", "cropped by 10 %", "turned by 90 degrees", "upside down"])
def test_what_is_called_found_is_found_and_what_is_called_missed_is_missed(kind: str, tmp_path: Path) -> None:
    source, space = write_folder(tmp_path / "set", set_of(OF_PHOTOGRAPHS[kind])), str(tmp_path / "w")
    done = here("audit", str(source), "--workspace", space, "--summary", str(tmp_path / "summary.md"))
    run = Path(done.stdout.strip())
    report = json.loads((run / "report.json").read_text())
    (of,) = (ChangedCopies(**row) for row in report["searched"] if row["kind"] == kind)
    duplicates, undecided = (report["states"][0][name] for name in ("duplicates", "undecided"))
    assert (duplicates + undecided < COPIES / 2) == of.is_missed
    (said,) = (line for line in done.stderr.splitlines() if line.startswith("Mostly missed are copies that are "))
    assert ("upside down" in said, "or 90" in said or "by 90" in said, "JPEG 75" in said) == (True, True, False)
    page = re.sub(r"<[^>]+>", "", (run / "report.html").read_text())
    for text in (page, (run / "README.md").read_text(), (tmp_path / "summary.md").read_text()):
        assert said in text
    row = next(
        line
        for line in (run / "report.html").read_text().splitlines()
        if f'<th scope="row"><bdi>{kind}</bdi></th>' in line
    )
    assert re.sub(r"<[^>]+>", " ", row).split()[len(kind.split())] == f"{100 * (of.found or 0):.1f}"


def test_mirrored_copies_are_missed_unless_they_are_searched_for() -> None:
    plain, also = searched_kinds("photo", 224, ()), searched_kinds("photo", 224, ("mirrored",))
    of = [next(one for one in some if one.kind == "mirrored") for some in (plain, also)]
    assert [one.is_missed for one in of] == [True, False]
    assert [one.kind for one in plain] == [one.kind for one in also]


@pytest.mark.parametrize(("side", "nearest"), [(8, 32), (40, 32), (100, 64), (150, 224), (5000, 500), (None, 32)])
def test_the_nearest_measured_size_counts(side: int | None, nearest: int) -> None:
    for one in searched_kinds("photo", side, ()):
        assert [one.found, one.undecided] == [share / 100 for share in KINDS["photo"][one.kind][nearest]]


def test_glyphs_have_kinds_of_their_own(tmp_path: Path) -> None:
    drawn = glyphs(60, 5)
    files = {f"train/{'AB'[n % 2]}/{n}.png": png(drawn[n]) for n in range(40)}
    files |= {f"test/{'AB'[n % 2]}/{n}.png": png(drawn[n]) for n in range(40, 60)}
    turned = OF_GLYPHS["turned by 90 degrees"]
    files |= {f"test/A/copy{n}.png": saved(turned(Image.fromarray(drawn[n])), "PNG") for n in range(10)}
    done = here("audit", str(write_folder(tmp_path / "set", files)), "--workspace", str(tmp_path / "w"))
    assert "Mostly missed are copies that are " in done.stderr
    found = json.loads((Path(done.stdout.strip()) / "report.json").read_text())
    assert {row["kind"] for row in found["searched"]} == {*OF_GLYPHS}
    assert found["states"][0]["duplicates"] < 5


def test_the_table_has_every_kind_that_the_command_measures() -> None:
    assert [*KINDS["photo"]] == [*OF_PHOTOGRAPHS]
    assert [*KINDS["ink"]] == [*OF_GLYPHS]
