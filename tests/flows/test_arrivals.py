"""Batches against references that stay: what is known, what is new, and what a reference accepts."""

import html
import io
import json
import re
import shlex
import shutil
import tarfile
import time
from collections import Counter
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flows.arrivals import arrivals
from flows.command.keeping import drop, list_segments, verify_reference
from tasks.errors import DataError, GateError, UsageError
from tasks.records.inputs import ClassMembers
from tasks.records.references import Arrived, Reference, commit, read_reference
from tasks.records.spec_searching import ArrivalsSpec
from tasks.reporting.gates import failed_gate
from tasks.reporting.read import PAGE, REPORT
from tasks.storage.cleaning import clean
from tasks.storage.place import Place
from tests.benchmarks.brute_force import compare_all
from tests.build import glyphs, noise, png, saved, scene, write_folder
from tests.flows.test_cli import here
from tests.plain import audit, dedupe

pytestmark = pytest.mark.usefixtures("prefect_server")
NIGHTS, A_NIGHT, PERCENT = 4, 150, 95
Members = dict[str, bytes]  # name of a file, with its class folder -> content
Row = dict[str, Any]
MEMBERS = {"a": (99, 96, 3, 0), None: (1, 0, 0, 1)}  # of a class, or outside: all, accepted, quarantined, ignored


def add(name: str, source: str, **where: Any) -> None:
    arrivals(source=source, against=(name,), whole=True, **where)


def results(folder: str) -> list[Row]:
    rows: list[Row] = pq.read_table(Path(folder) / "arrived.parquet").to_pylist()
    return rows


def by_result(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return the files by result."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["result"], []).append(row["id"].split("/", 1)[1])
    return found


def members_in(archive: Path) -> Members:
    """Return the files of an archive without its top folder."""
    with tarfile.open(archive) as tar:
        return {one.name.split("/", 1)[1]: tar.extractfile(one).read() for one in tar if one.isfile()}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def nights(shared: Path) -> list[Members]:
    """Return real glyphs, dealt at random to several nights."""
    files = members_in(shared / "data" / "openfonts_small.tar.gz")
    names = [name for name in sorted(files) if name[0] in "CIO"]
    order = np.random.default_rng(0).permutation(len(names))[: NIGHTS * A_NIGHT]
    return [{names[at]: files[names[at]] for at in part.tolist()} for part in np.split(order, NIGHTS)]


def greedy(nights: Sequence[Members]) -> list[set[str]]:
    """Return the new files of each night but the first, by comparing each with every accepted one in order."""
    pixels = [{name: np.asarray(Image.open(io.BytesIO(data))) for name, data in night.items()} for night in nights]
    accepted, found = list(pixels[0].values()), []
    for night in pixels[1:]:
        new = set()
        for name in sorted(night):
            one, labels = night[name], np.zeros(len(accepted), np.int64)
            ink = np.array(accepted).reshape(len(accepted), -1) > 127
            near = compare_all(one.reshape(1, -1) > 127, ink, [PERCENT], labels[:1], labels)[PERCENT].first[0]
            if not near and not any((one == other).all() for other in accepted):
                accepted.append(one)
                new.add(name)
        found.append(new)
    return found


def test_accepting_night_after_night_equals_comparing_each_image_with_all_accepted_ones(
    nights: list[Members], tmp_path: Path
) -> None:
    where: dict[str, Any] = {"workspace": tmp_path / "w", "workers": 2}
    folders = [str(write_folder(tmp_path / str(number), night)) for number, night in enumerate(nights)]
    add("fonts", folders[0], **where)
    truth = greedy(nights)
    for folder, new in zip(folders[1:], truth, strict=True):
        rows = results(arrivals(source=folder, against=("fonts",), accept=True, **where))
        assert set(by_result(rows)["new"]) == new
    reference = read_reference(Place.of(tmp_path / "w"), "fonts")
    assert [segment.prints.rows for segment in reference.live] == [A_NIGHT, *map(len, truth)]
    assert sum(map(len, truth)) < A_NIGHT * (NIGHTS - 1), "some images were known"
    assert (reference.version, reference.judged) == (3, A_NIGHT + sum(map(len, truth[:-1]))), "renewed as it grew"


@pytest.mark.parametrize("kind", ["glyphs", "photographs"])
def test_known_images_and_their_similarities_are_those_of_an_audit_of_all_segments(
    kind: str, nights: list[Members], shared: Path, tmp_path: Path
) -> None:
    where: dict[str, Any] = {"workspace": tmp_path / "w", "workers": 2}
    if kind == "glyphs":
        *parts, batch = nights[:3]
    else:
        train, batch = (members_in(shared / "data" / f"cifar_{name}.tar.gz") for name in ("train", "test"))
        wanted = {line["train"] for line in json.loads((shared / "data" / "cifar_expected.json").read_text())["twins"]}
        some = [
            name for number, name in enumerate(sorted(train)) if number % 12 == 0 or f"cifar_train/{name}" in wanted
        ]
        parts = [{name: train[name] for name in half} for half in (some[::2], some[1::2])]
        batch = {name: batch[name] for name in sorted(batch)[::3]}
    for number, part in enumerate(parts):
        add("known", str(write_folder(tmp_path / f"part{number}", part)), **where)
        write_folder(tmp_path / "whole", part)
    source = str(write_folder(tmp_path / "batch", batch))
    rows = results(arrivals(source=source, against=("known",), threshold=0.9, **where))
    found = audit(train=str(tmp_path / "whole"), test=source, threshold=0.9, **where)
    table = pq.read_table(found.run / "removed.parquet").to_pylist()
    removed = {row["id"].split("/", 1)[1]: row for row in table if row["twin_split"] == "train"}
    known = {row["id"].split("/", 1)[1]: row for row in rows if row["reference"]}
    assert removed.keys() == known.keys() != set()
    for name, row in known.items():
        assert row["similarity"] == removed[name][found.view.column]
        assert row["exact"] == (removed[name]["reason"] == "exact")


@pytest.fixture(scope="module")
def made(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a workspace with a reference of 24 glyphs of two classes; its source moves away."""
    folder = tmp_path_factory.mktemp("known")
    source = batch_of(folder / "base", {"a": range(12), "b": range(12, 24)})
    add("known", source, workspace=folder / "w", workers=1)
    (folder / "moved").mkdir()
    shutil.move(source, folder / "moved")
    return folder


@pytest.fixture
def small(made: Path, tmp_path: Path) -> dict[str, Any]:
    """Copy that workspace, and its source; return the parameters of later flows."""
    shutil.copytree(made / "moved", tmp_path, dirs_exist_ok=True)
    space = shutil.copytree(made / "w", tmp_path / "w", symlinks=True)
    return {"workspace": space, "workers": 1, "max_quarantine": 0.5, "against": ("known",)}


def batch_of(folder: Path, classes: dict[str, Sequence[int]], more: Members | None = None) -> str:
    """Write a folder with some of a hundred glyphs in each class, by their numbers."""
    every = glyphs(100, seed=1)
    images = {f"{name}/{number:02d}.png": png(every[number]) for name, some in classes.items() for number in some}
    return str(write_folder(folder, images | (more or {})))


def reference_in(given: dict[str, Any]) -> Reference:
    return read_reference(Place.of(given["workspace"]), "known")


def test_each_row_has_the_result_that_its_duplicate_gives_and_only_new_ones_are_accepted(
    small: dict[str, Any], tmp_path: Path
) -> None:
    every = glyphs(100, seed=1)
    more = {"a/near.png": png(noise(every[3], 1, seed=0)), "a/52near.png": png(noise(every[50], 1, seed=1))}
    more |= {"b/again.png": png(every[51]), "b/other.png": png(every[5]), "a/broken.png": b"", "a/50.PNG": b"no"}
    folder = arrivals(source=batch_of(tmp_path / "batch", {"a": [1, 50, 51]}, more), accept=True, **small)
    assert by_result(results(folder)) == {
        "known": ["a/01.png", "a/near.png"],
        "new": ["a/50.png", "a/51.png"],
        "duplicate": ["a/52near.png"],
        "conflicting": ["b/again.png", "b/other.png"],
    }
    left_out = pq.read_table(Path(folder) / "quarantine.parquet")["result"].to_pylist()
    assert sorted(left_out)[2:] == ["duplicate", "empty", "known", "known", "not_png"]
    last = reference_in(small).live[-1]
    assert (last.prints.rows, last.arrived.unreadable, last.arrived.verdicts) == (2, 2, {"known": 1})


def test_every_file_of_a_batch_is_counted_and_named_and_files_beside_images_are_not_unreadable(
    small: dict[str, Any], tmp_path: Path
) -> None:
    beside = {f"a/{number}.json": b"{}" for number in range(50, 58)} | {"README.md": b"of tonight"}
    batch = batch_of(tmp_path / "batch", {"a": range(50, 58)}, beside | {"b/broken.png": b"", "top.png": b"no image"})
    limits = {"max_quarantine": 1}
    folder = arrivals(source=batch, **small | limits)
    report = json.loads((Path(folder) / REPORT).read_text())
    assert (report["rows"], report["unreadable"], report["ignored"]) == ({"new": 8}, 2, 9)
    left_out = {row["id"]: row["result"] for row in pq.read_table(Path(folder) / "quarantine.parquet").to_pylist()}
    assert left_out.keys() == {f"{batch}/{name}" for name in (*beside, "b/broken.png", "top.png")}
    assert (left_out[f"{batch}/b/broken.png"], left_out[f"{batch}/a/50.json"]) == ("empty", "not_png_name")
    page = (Path(folder) / PAGE).read_text()
    assert "<dt>ignored</dt><dd>9</dd>" in page
    with pytest.raises(GateError, match=r"2 unreadable, 9 ignored; 47\.37 % of the files count"):
        arrivals(source=batch, max_ignored=0.1, accept=True, **small | limits)
    with pytest.raises(GateError, match=r"2 unreadable, 9 ignored; 100\.00 % of the images of b count"):
        arrivals(source=batch, accept=True, **small)
    assert reference_in(small).rows == 24


def test_images_that_are_added_without_a_comparison_pass_the_gates_on_files(
    small: dict[str, Any], tmp_path: Path
) -> None:
    batch = batch_of(tmp_path / "a batch", {"a": range(50, 53)}, {"a/broken.png": b"", "a/notes.txt": b"of tonight"})
    where = ("--workspace", str(small["workspace"]))
    failed = here("reference", "add", "known", batch, *where)
    assert failed.returncode == 4
    sentence = failed.stderr.splitlines()[-1]
    assert "a batch: 3 read, 1 unreadable, 1 ignored; 25.00 % of the images of a count for" in sentence
    with pytest.raises(GateError, match=r"20\.00 % of the files count for --max-ignored, which allows 0 %"):
        arrivals(source=batch, whole=True, max_ignored=0, **small)
    assert reference_in(small).rows == 24
    listing, accepting = re.findall("`([^`]+)`", sentence)
    listed, accepted = (here(*shlex.split(words)[1:]) for words in (listing, accepting))
    assert listed.returncode == 4
    assert "1 of 4 images of source a (25.00 %), more than the 1 % allowed by --max-quarantine" in listed.stderr
    assert accepted.returncode == 0
    assert reference_in(small).live[-1].arrived.in_short.endswith("a batch: 3 read, 1 unreadable, 1 ignored")
    with pytest.raises(UsageError, match="against: give a list of names of letters, digits, - and _"):
        arrivals(source="tonight", against="known")
    with pytest.raises(UsageError, match="max_duplicates can't be checked with whole, which compares nothing"):
        arrivals(source=batch, whole=True, max_duplicates=0, **small)


@pytest.mark.parametrize(
    ("limits", "code", "says"),
    [
        (
            {"max_quarantine": 0.02},
            4,
            r"; 3\.03 % of the images of a count for --max-quarantine, which allows 2 %; .* `--max-quarantine 0.04`",
        ),
        (
            {"max_quarantine": 1, "max_ignored": 0},
            4,
            r"; 1\.00 % .* for --max-ignored, which allows 0 %; .* `--max-ignored 0.01` accepts them\.$",
        ),
        ({"max_quarantine": 0.04, "max_ignored": 0.01, "max_duplicates": 0.5}, 0, ""),
        (
            {"max_quarantine": 1, "max_duplicates": 0.05},
            5,
            r"allows 5 % of the images not to be new, and 10\.42 % may not be; `--undecided pass` accepts",
        ),
        ({"max_quarantine": 1, "max_duplicates": 0.05, "undecided": "pass"}, 0, ""),
        (
            {"max_quarantine": 1, "max_duplicates": 0.01},
            4,
            r"--max-duplicates allows 1 % of the images not to be new, and .* % are not\.$",
        ),
        (
            {"max_quarantine": 1, "max_duplicates": 0.11},
            4,
            "^--max-duplicates can't be checked: 2 of the 86 new images have no usable fingerprint, so changed "
            "copies may be missed. `--undecided pass` accepts them.$",
        ),
        ({"max_quarantine": 1, "max_duplicates": 0.125}, 0, ""),
    ],
)
def test_a_gate_of_a_batch_names_its_numbers_and_the_limit_that_accepts_them(
    limits: dict[str, Any], code: int, says: str
) -> None:
    arrived = Arrived("tonight", {"new": 86, "known": 4, "undecided": 6}, unreadable=3, ignored=1, blank=2)
    members = [ClassMembers("source", name, *counts, 0, 0, None, None) for name, counts in MEMBERS.items()]
    failed = failed_gate(ArrivalsSpec.of(source="tonight", against=("known",), **limits), arrived, members)
    assert (failed.exit_code if failed else 0) == code
    assert re.search(says, str(failed or ""))


def test_the_gate_of_an_accepted_batch_counts_its_files_as_they_are_now(small: dict[str, Any], tmp_path: Path) -> None:
    batch = batch_of(tmp_path / "batch", {"a": range(8, 20)})
    arrivals(source=batch, accept=True, **small)
    write_folder(Path(batch), {"a/notes.txt": b"of tonight", "a/broken.png": b""})
    with pytest.raises(GateError, match=r"1 unreadable, 1 ignored; 7\.14 % of the files count for --max-ignored"):
        arrivals(source=batch, max_ignored=0, **small)


def test_a_decision_about_a_known_image_and_a_new_one_applies(small: dict[str, Any], tmp_path: Path) -> None:
    known = max((tmp_path / "base").rglob("*.png"))
    gray = np.asarray(Image.open(known))
    copy = noise(gray, 1, seed=0)
    batch = batch_of(tmp_path / "batch", {"a": range(50, 53)}, {f"{known.parent.name}/copy.png": png(copy)})
    before = json.loads((Path(arrivals(source=batch, **small)) / REPORT).read_text())["rows"]
    assert before == {"new": 3, "known": 1}
    first, second = sorted(md5(image.tobytes(), usedforsecurity=False).digest() for image in (gray, copy))
    rows = pa.table({"first": [first], "second": [second], "same": [False]})
    pq.write_table(rows, file := tmp_path / "decisions.parquet")
    folder = arrivals(source=batch, decisions=str(file), **small)
    assert json.loads((Path(folder) / REPORT).read_text())["rows"] == {"new": 4}


def test_a_batch_that_arrives_again_changes_nothing(small: dict[str, Any], tmp_path: Path) -> None:
    batch = batch_of(tmp_path / "batch", {"a": range(8, 20)})
    first = arrivals(source=batch, **small)
    assert reference_in(small).rows == 24, "nothing is accepted without being asked"
    assert arrivals(source=batch, accept=True, **small) == first
    accepted = reference_in(small)
    assert arrivals(source=batch, accept=True, **small) == arrivals(source=batch, **small) == first
    add("known", str(tmp_path / "base"), **{name: small[name] for name in ("workspace", "workers")})
    assert reference_in(small) == accepted


def test_a_batch_under_another_name_has_results_of_its_own(small: dict[str, Any], tmp_path: Path) -> None:
    monday, tuesday = (batch_of(tmp_path / day, {"a": range(8, 20)}) for day in ("monday", "tuesday"))
    first, second = (Path(arrivals(source=day, **small)) for day in (monday, tuesday))
    for folder, day in ((first, monday), (second, tuesday)):
        assert json.loads((folder / REPORT).read_text())["source"] == day
        assert day in (folder / PAGE).read_text()
    assert arrivals(source=tuesday, accept=True, **small) == str(second)
    assert reference_in(small).segments[-1].arrived.source == tuesday


def test_the_command_on_the_page_accepts_the_batch(small: dict[str, Any], tmp_path: Path) -> None:
    batch = batch_of(tmp_path / "a batch", {"a": [1, *range(30, 38)]})
    folder = arrivals(source=batch, threshold=0.93, **small)
    page = (Path(folder) / PAGE).read_text()
    (line,) = re.findall("<code>(cleansplit [^<]*)<", page)
    assert reference_in(small).rows == 24
    done = here(*shlex.split(html.unescape(line))[1:])
    assert (done.returncode, done.stdout.strip()) == (0, folder), done.stderr
    assert reference_in(small).rows == 24 + 8


def test_a_batch_is_compared_with_several_references_and_added_to_the_first(
    small: dict[str, Any], tmp_path: Path
) -> None:
    where = {name: small[name] for name in ("workspace", "workers")}
    add("protected", batch_of(tmp_path / "protected", {"a": range(30, 40)}), **where)
    batch = batch_of(tmp_path / "batch", {"a": [1, 31, 60]})
    rows = results(arrivals(source=batch, accept=True, **small | {"against": ("known", "protected")}))
    found = [(row["reference"], row["result"]) for row in rows]
    assert found == [("known", "known"), ("protected", "known"), (None, "new")]
    assert (reference_in(small).rows, read_reference(Place.of(small["workspace"]), "protected").rows) == (25, 10)
    add("protected", batch_of(tmp_path / "more", {"a": [60]}), **where)
    again = results(arrivals(source=batch, accept=True, **small | {"against": ("known", "protected")}))
    assert [row["reference"] for row in again] == ["known", "protected", "protected"], "also after it was accepted"
    assert reference_in(small).rows == 25


def test_a_dropped_segment_makes_its_images_new_and_a_part_of_a_batch_is_not_the_whole(
    small: dict[str, Any], tmp_path: Path
) -> None:
    batch = batch_of(tmp_path / "batch", {"a": [1, 2, 60]})
    assert Counter(row["result"] for row in results(arrivals(source=batch, accept=True, **small))) == {
        "known": 2,
        "new": 1,
    }
    where = {"workspace": small["workspace"]}
    with pytest.raises(
        UsageError,
        match=r"of .*batch; `cleansplit reference list known` shows that segment: drop it",
    ):
        add("known", batch, **where)
    first, second = reference_in(small).live
    here("reference", "drop", "known", first.id, "--reason", "x", "--workspace", str(small["workspace"]))
    assert reference_in(small).ruling is None, "the next batch judges the images that are left"
    again = results(arrivals(source=batch, **small))
    assert Counter(row["result"] for row in again) == {"new": 2, "known": 1}
    here("reference", "drop", "known", second.id, "--reason", "x", "--workspace", str(small["workspace"]))
    add("known", batch, **where)
    assert reference_in(small).rows == 3


def test_gates_count_known_and_repeated_images(small: dict[str, Any], tmp_path: Path) -> None:
    batch = batch_of(tmp_path / "batch", {"a": [1, 50, 51, 52]})
    with pytest.raises(
        GateError,
        match=r"3 new, 1 known; --max-duplicates allows 20 % of the images not to be new, and 25\.00 % are not\.$",
    ):
        arrivals(source=batch, max_duplicates=0.2, accept=True, **small)
    assert reference_in(small).rows == 24, "a batch that fails its gate is not accepted"
    where = ("--against", "known", "--workspace", str(small["workspace"]))
    told = here("arrivals", batch, *where, "--max-duplicates", "0.2")
    assert (told.returncode, told.stdout) == (4, f"{arrivals(source=batch, **small)}\n"), "as after an audit"
    assert "view ink; " in told.stderr, "the view is that of the reference, and nobody asked for it"
    arrivals(source=batch, max_duplicates=0.25, **small)
    with pytest.raises(UsageError, match="run `cleansplit reference add none SOURCE --workspace"):
        arrivals(source=batch, **small | {"against": ("none",)})


def test_new_images_that_can_not_be_compared_are_counted(small: dict[str, Any], tmp_path: Path) -> None:
    batch = batch_of(tmp_path / "batch", {"a": [1]}, {"a/black.png": png(np.zeros((28, 28), np.uint8))})
    said = r"batch: 1 new \(1 without a usable fingerprint\), 1 known; --max-duplicates allows 20 % of"
    with pytest.raises(GateError, match=said):
        arrivals(source=batch, max_duplicates=0.2, **small)
    new = batch_of(tmp_path / "new", {}, {"a/black.png": png(np.zeros((28, 28), np.uint8))})
    with pytest.raises(GateError, match="--max-duplicates can't be checked: 1 of the 1 new image has no") as caught:
        arrivals(source=new, max_duplicates=0, **small)
    assert caught.value.exit_code == 4
    arrivals(source=new, max_duplicates=0, undecided="pass", **small)
    page = (Path(arrivals(source=batch, **small)) / PAGE).read_text()
    assert "1 of the 1 new image has no usable fingerprint, so changed copies may be missed." in page


def test_known_images_that_can_not_be_compared_count_once(small: dict[str, Any], tmp_path: Path) -> None:
    black = png(np.zeros((28, 28), np.uint8))
    add("known", batch_of(tmp_path / "more", {}, {"a/black.png": black}), workspace=small["workspace"])
    batch = batch_of(tmp_path / "batch", {"a": range(50, 58)}, {f"a/black{n}.png": black for n in range(2)})
    told = Path(arrivals(source=batch, max_duplicates=0.2, **small)) / REPORT
    arrived = json.loads(told.read_text())
    assert (arrived["rows"], arrived["blank"]) == ({"known": 2, "new": 8}, 0)


@pytest.mark.parametrize("meanwhile", ["another batch", "a segment is dropped"])
def test_a_batch_is_compared_again_if_its_reference_changes_before_it_is_accepted(
    meanwhile: str, small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (batch_of(tmp_path / name, {"a": range(start, start + 8)}) for name, start in (("one", 50), ("two", 54)))
    pending = [meanwhile]

    def commit_late(workspace: Place, before: Reference, after: Reference) -> bool:
        if after.segments != before.segments and pending:
            if pending.pop() == "another batch":
                arrivals(source=two, accept=True, **small)
            else:
                drop("known", before.live[0].id[:6], reason="withdrawn", workspace=small["workspace"])
                add("known", batch_of(tmp_path / "other", {"a": range(56, 60)}), workspace=small["workspace"])
        return commit(workspace, before, after)

    monkeypatch.setattr("flows.arrivals.commit", commit_late)
    rows = results(arrivals(source=one, accept=True, **small))
    reference = reference_in(small)
    if meanwhile == "another batch":
        of = {name: [f"a/{n}.png" for n in range(start, start + 4)] for name, start in (("new", 50), ("known", 54))}
        assert by_result(rows) == of
        assert [segment.prints.rows for segment in reference.live] == [24, 8, 4]
    else:
        assert by_result(rows)["known"] == ["a/56.png", "a/57.png"]
        found = [(one.prints.rows, one.dropped) for one in reference.segments]
        assert found == [(24, "withdrawn"), (4, None), (6, None)]


def test_references_are_listed_with_their_images(
    small: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_segments(workspace=tmp_path / "nothing")
    assert capsys.readouterr() == ("", f"{tmp_path / 'nothing'} has no references.\n")
    list_segments(workspace=small["workspace"])
    assert capsys.readouterr().out == "known  24 images\n"
    list_segments("known", workspace=small["workspace"])
    assert capsys.readouterr().out.endswith("base: 24 read\n")


def test_a_damaged_segment_is_named_and_can_be_replaced(small: dict[str, Any], tmp_path: Path) -> None:
    (segment,), batch = reference_in(small).live, batch_of(tmp_path / "batch", {"a": [1, 50]})
    file = Path(small["workspace"]) / segment.prints.table
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{segment.id} is damaged: prints.parquet has .* bytes instead of"):
        arrivals(source=batch, **small)
    with pytest.raises(DataError, match="is damaged"):
        verify_reference("known", workspace=small["workspace"])
    drop("known", segment.id, reason="damaged", workspace=small["workspace"])
    add("known", str(tmp_path / "base"), workspace=small["workspace"])
    verify_reference("known", workspace=small["workspace"])
    assert by_result(results(arrivals(source=batch, **small))) == {"known": ["a/01.png"], "new": ["a/50.png"]}


def test_a_batch_that_is_all_that_its_reference_has_left_can_be_compared_with_another(
    small: dict[str, Any], tmp_path: Path
) -> None:
    where, batch = {"workspace": small["workspace"]}, batch_of(tmp_path / "batch", {"a": [1, *range(50, 58)]})
    add("other", batch_of(tmp_path / "other", {"a": range(8)}), **where)
    arrivals(source=batch, accept=True, **small)
    drop("known", reference_in(small).live[0].id, reason="withdrawn", **where)
    folder = arrivals(source=batch, **small | {"against": ("known", "other")})
    new = [f"a/{number}.png" for number in range(50, 58)]
    assert by_result(results(folder)) == {"known": ["a/01.png"], "new": new}
    assert "a/01.png" in (Path(folder) / PAGE).read_text()


def test_a_batch_that_was_accepted_after_a_drop_gives_its_first_results_and_all_its_segments_can_be_dropped(
    small: dict[str, Any], tmp_path: Path
) -> None:
    where, batch = {"workspace": small["workspace"]}, batch_of(tmp_path / "batch", {"a": [1, *range(50, 58)]})
    add("known", batch_of(tmp_path / "other", {"a": range(30, 38)}), **where)
    drop("known", reference_in(small).live[1].id, reason="withdrawn", **where)
    time.sleep(1)  # until the next second, since times have no fractions
    first = by_result(results(arrivals(source=batch, accept=True, **small)))
    assert {name: len(rows) for name, rows in first.items()} == {"known": 1, "new": 8}
    segments = reference_in(small).segments
    for _ in range(2):
        assert by_result(results(arrivals(source=batch, accept=True, max_duplicates=0.5, **small))) == first
    assert reference_in(small).segments == segments
    drop("known", segments[0].id, reason="withdrawn", **where)
    known = [f"a/{number}.png" for number in range(50, 58)]
    again = by_result(results(arrivals(source=batch, **small)))
    assert again == {"new": ["a/01.png"], "known": known}, "a segment was dropped since"


def test_a_copied_or_renamed_reference_is_refused(
    small: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, where = Path(small["workspace"]) / "references", {"workspace": small["workspace"]}
    shutil.copytree(folder / "known", folder / "copy")
    shutil.copytree(folder / "known", folder / "another")
    (folder / "another" / "reference.json").unlink()  # as after a kill in the first `reference add`
    says = re.escape(f"{folder}/copy/reference.json was copied or renamed; it is of known, so give its folder")
    (segment,), before = reference_in(small).segments, reference_in(small)
    with pytest.raises(DataError, match=says):
        drop("copy", segment.id, reason="test", **where)
    with pytest.raises(DataError, match=says):
        add("copy", batch_of(tmp_path / "batch", {"a": [50]}), **where)
    with pytest.raises(DataError, match=says):
        list_segments(**where)
    assert capsys.readouterr().out == "another  0 images\nknown  24 images\n", "all others are listed"
    assert reference_in(small) == before
    with pytest.raises(UsageError, match="against has a reference twice; name each once"):
        arrivals(source=str(tmp_path / "batch"), **small | {"against": ("known", "known")})


def test_a_reference_needs_no_stage_and_no_source(made: Path, small: dict[str, Any], tmp_path: Path) -> None:
    assert not (made / "base").exists()
    assert clean(Place.of(small["workspace"]), keep=1).stages > 0
    rows = results(arrivals(source=batch_of(tmp_path / "batch", {"a": [1, 50]}), **small))
    assert by_result(rows) == {"known": ["a/01.png"], "new": ["a/50.png"]}


def test_the_verdict_is_that_of_all_segments_as_one_set(shared: Path, tmp_path: Path) -> None:
    train = members_in(shared / "data" / "cifar_train.tar.gz")
    names = sorted(train)[::6]
    for number, some in enumerate((names[::2], names[1::2])):
        folder = write_folder(tmp_path / str(number), {name: train[name] for name in some})
        add("known", str(folder), workspace=tmp_path / "w")
        write_folder(tmp_path / "whole", {name: train[name] for name in some})
    report = dedupe(source=str(tmp_path / "whole"), workspace=tmp_path / "w")
    arrivals(source=str(tmp_path / "0"), against=("known",), workspace=tmp_path / "w")
    ruling = read_reference(Place.of(tmp_path / "w"), "known").ruling
    assert ruling is not None
    for name in ("threshold", "reason", "near_identical", "kinds"):
        assert getattr(ruling.verdict, name) == getattr(report.verdict, name), name


def test_frames_of_a_film_are_undecided_although_each_is_nearly_identical_to_the_one_before(tmp_path: Path) -> None:
    scenes, where = [scene(80, 64, seed) for seed in range(18)], {"workspace": tmp_path / "w", "workers": 2}
    frames = [Image.blend(scenes[16], scenes[17], share) for share in np.linspace(0, 0.5, 20)]  # one becomes another
    known = {f"a/{number}.png": saved(one, "PNG") for number, one in enumerate(scenes[:16])}
    film = {f"a/film{number:02d}.png": saved(one, "PNG") for number, one in enumerate(frames)}
    add("known", str(write_folder(tmp_path / "known", known | dict([*film.items()][:1]))), **where)
    batch = dict([*film.items()][1:]) | {"a/copy.jpg": saved(scenes[3], "JPEG", quality=90)}
    found = by_result(
        results(arrivals(source=str(write_folder(tmp_path / "batch", batch)), against=("known",), **where))
    )
    assert found["known"] == ["a/copy.jpg"]
    assert found["undecided"] == sorted(film)[1:]
