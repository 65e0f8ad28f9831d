"""What people decide about pairs is honoured by every flow, and by nothing else than those pairs."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.pipeline import sanitize
from tasks.errors import DataError, GateError
from tasks.records import Report
from tasks.reporting.read import read_findings, read_report
from tasks.reporting.verify import verify_run
from tasks.storage import tables
from tasks.storage.decisions import add_decisions, read_decisions
from tasks.storage.place import Place
from tests.build import glyphs, noise, png, saved, scene, write_folder
from tests.flows.test_cli import here, refused
from tests.plain import audit, dedupe

pytestmark = pytest.mark.usefixtures("prefect_server")


def digests_of(report: Report) -> dict[str, bytes]:
    found, workspace = read_findings(Place.of(report.run)), Place.of(report.run.parent.parent)
    parts = pa.concat_tables([tables.read(workspace / each.table, ["id", "md5"]) for each in found.fingerprints])
    return dict(zip(parts["id"].to_pylist(), parts["md5"].to_pylist(), strict=True))


def decide(report: Report, verdicts: dict[tuple[str, str], bool], **more: Any) -> Path:
    """Write decisions about pairs of ids of a run."""
    digests = digests_of(report)
    rows = [
        {"first": digests[one], "second": digests[other], "same": same, "first_id": one, "second_id": other, **more}
        for (one, other), same in verdicts.items()
    ]
    add_decisions(Place.of(report.run.parent.parent), rows)
    return report.run.parent.parent / "decisions.parquet"


def twins(report: Report, table: str = "removed") -> dict[str, tuple[str, str, bool]]:
    rows = pq.read_table(report.run / f"{table}.parquet").to_pylist()
    return {row["id"]: (row["twin_id"], row["reason"], row["judged"]) for row in rows}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build glyphs: test's a/0 is train's a/0 but for 1 pixel, and, for 2 pixels, also b/0; a/1 is alone; a/2 exact."""
    folder = tmp_path_factory.mktemp("glyphs")
    own = {name: glyphs(20, seed=ord(name)) for name in "ab"}
    first = own["a"][0]
    own["b"][0] = noise(first, 2, seed=8)
    train = {f"{name}/{i}.png": png(image) for name, images in own.items() for i, image in enumerate(images)}
    new = glyphs(20, seed=99)
    test = {"a/0.png": png(noise(first, 1, seed=7)), "a/1.png": png(new[1]), "a/2.png": png(own["a"][2])}
    test |= {f"b/{i}.png": png(image) for i, image in enumerate(new[4:])}
    return {role: str(write_folder(folder / role, files)) for role, files in (("train", train), ("test", test))}


@pytest.fixture(scope="module")
def before(given: dict[str, Any], prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return audit(**given, threshold=0.9, workspace=tmp_path_factory.mktemp("w"))


@pytest.fixture
def own(before: Report, tmp_path: Path) -> Report:
    """Return that run in a workspace of a test's own."""
    space = shutil.copytree(before.run.parents[1], tmp_path / "w", symlinks=True)
    return read_report(Place.of(space / "runs" / before.run.name))


def test_a_pair_judged_different_is_no_twin_and_the_next_best_is(own: Report) -> None:
    before = own
    assert twins(before) == {
        "test/a/0.png": ("train/a/0.png", "near", False),
        "test/a/2.png": ("train/a/2.png", "exact", False),
    }
    file = decide(before, {("test/a/0.png", "train/a/0.png"): False})
    after = sanitize(run=str(before.run), decisions=file, workspace=before.run.parent.parent)
    assert twins(after)["test/a/0.png"] == ("train/b/0.png", "near", False)
    assert twins(after, "label_conflicts").keys() == twins(before, "label_conflicts").keys()
    decide(before, {("train/b/0.png", "test/a/0.png"): False})
    neither = sanitize(run=str(before.run), decisions=file, workspace=before.run.parent.parent)
    assert twins(neither).keys() == {"test/a/2.png"}
    assert neither.pair("train", "test").near == neither.pair("test", "train").near == 0
    assert twins(neither, "label_conflicts").keys() == {"train/a/0.png", "train/b/0.png"}, "inside train they stay"
    assert neither.verdict == before.verdict, "the threshold depends on the images, not on the decisions"
    assert (neither.judged and (neither.judged.applied, neither.judged.same, neither.judged.different)) == (2, 0, 2)
    assert verify_run(Place.of(neither.run)) == []


def test_a_pair_judged_the_same_is_a_twin_whatever_its_similarity(
    own: Report, given: dict[str, Any], tmp_path: Path
) -> None:
    before = own
    file = decide(before, {("test/a/1.png", "train/b/7.png"): True}, similarity=0.93, view="ink")
    after = audit(**given, threshold=0.9, decisions=file, workspace=tmp_path / "w")
    goes = pq.read_table(after.run / "removed.parquet").to_pylist()
    (row,) = [row for row in goes if row["id"] == "test/a/1.png"]
    assert (row["twin_id"], row["reason"], row["judged"]) == ("train/b/7.png", "near", True)
    assert row["jaccard"] < 0.8, "as measured"
    assert twins(after, "label_conflicts")["test/a/1.png"] == ("train/b/7.png", "near", True)
    assert twins(after, "label_conflicts")["train/b/7.png"] == ("test/a/1.png", "near", True)
    assert after.sanitized.near.test == before.sanitized.near.test - 1
    assert after.judged is not None
    assert [(band.low, band.judged, band.same) for band in after.judged.bands] == [(0.93, 1, 1)]
    said = "Pairs of these images that people decided: 1 (duplicates: 1, different images: 0)"
    assert said in (after.run / "README.md").read_text()
    assert verify_run(Place.of(after.run)) == []


def test_the_same_decisions_give_the_same_bytes_from_any_file(
    own: Report, given: dict[str, Any], tmp_path: Path
) -> None:
    verdicts = {("test/a/0.png", "train/a/0.png"): False, ("test/a/1.png", "train/b/7.png"): True}
    file = decide(own, verdicts)
    shuffled = read_decisions(Place.of(file)).table.take([1, 0]).select(["second", "first", "same"])
    turned = pa.table({"first": shuffled["second"], "second": shuffled["first"], "same": shuffled["same"]})
    pq.write_table(turned, tmp_path / "other.parquet")
    one = audit(**given, decisions=file, workspace=tmp_path / "w")
    two = audit(**given, decisions=tmp_path / "other.parquet", workspace=tmp_path / "two", workers=1)
    assert one.to_json() == two.to_json()
    for name in ("removed.parquet", "label_conflicts.parquet", "actions.csv", "report.html"):
        assert (one.run / name).read_bytes() == (two.run / name).read_bytes(), name


def test_inside_a_set_too(tmp_path: Path) -> None:
    own = glyphs(24, seed=3)
    files = {f"a/{i:02d}.png": png(image) for i, image in enumerate(own)}
    files |= {"a/near.png": png(noise(own[4], 1, seed=1)), "a/far.png": png(noise(own[4], 3, seed=2))}
    source = str(write_folder(tmp_path / "set", files))
    before = dedupe(source=source, workspace=tmp_path / "w")
    groups = before.duplicates_in("train")
    assert (groups.groups, groups.near) == (1, 2)
    name = "source/a/{}.png".format
    verdicts = {(name("04"), name("near")): False, (name("near"), name("far")): False, (name("00"), name("01")): True}
    after = dedupe(source=source, decisions=decide(before, verdicts), workspace=tmp_path / "w")
    gone = {path.rpartition("/")[2] for path in (after.run / "remove.txt").read_text().splitlines()}
    assert gone == {"01.png", "far.png"}
    assert after.verdict == before.verdict
    assert verify_run(Place.of(after.run)) == []


def test_photographs(tmp_path: Path) -> None:
    pictures = [scene(96, 72, seed=seed) for seed in range(40)]
    train = {f"{'ab'[i % 2]}/{i:02d}.jpg": saved(picture, "JPEG", quality=90) for i, picture in enumerate(pictures)}
    test = {f"a/{i}.jpg": saved(pictures[i], "JPEG", quality=85) for i in (2, 4)}  # near-identical
    test |= {f"b/new{i}.jpg": saved(scene(96, 72, seed=500 + i), "JPEG") for i in range(12)}
    given: dict[str, Any] = {
        role: str(write_folder(tmp_path / role, files)) for role, files in (("train", train), ("test", test))
    }
    before = audit(**given, workspace=tmp_path / "w")
    assert twins(before).keys() == {"test/a/2.jpg", "test/a/4.jpg"}
    verdicts = {("test/a/2.jpg", "train/a/02.jpg"): False, ("test/b/new3.jpg", "train/b/05.jpg"): True}
    after = audit(**given, decisions=decide(before, verdicts), workspace=tmp_path / "w")
    assert {row: found[0] for row, found in twins(after).items()} == {
        "test/a/4.jpg": "train/a/04.jpg", "test/b/new3.jpg": "train/b/05.jpg",
    }  # fmt: skip
    assert after.pair("train", "test").near == 2
    assert verify_run(Place.of(after.run)) == []


@pytest.mark.parametrize("spoil", ["absent", "text", "columns", "digests", "nulls"])
def test_what_is_no_table_of_decisions_is_refused(spoil: str, given: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "d.parquet"
    whole = {"first": pa.array([b"x" * 16]), "second": pa.array([b"y" * 16]), "same": pa.array([True])}
    content: dict[str, dict[str, Any]] = {
        "columns": {"first": whole["first"]},
        "digests": whole | {"first": pa.array([b"short"])},
        "nulls": whole | {"same": pa.array([None], pa.bool_())},
    }
    if spoil == "text":
        file.write_text("no")
    elif spoil != "absent":
        pq.write_table(pa.table(content[spoil]), file)
    with pytest.raises(DataError, match=r"d\.parquet"):
        audit(**given, decisions=file, workspace=tmp_path / "w")


def test_decisions_are_kept_once_and_the_last_one_counts(tmp_path: Path) -> None:
    place, pair = Place.of(tmp_path), (b"a" * 16, b"b" * 16)
    row = {"first": pair[1], "second": pair[0], "same": True, "first_id": "b", "second_id": "a"}
    add_decisions(place, [row, {"first": b"c" * 16, "second": b"c" * 16, "same": True}])
    add_decisions(place, [row | {"same": False}])
    found = read_decisions(place / "decisions.parquet")
    assert found.by_pair == {pair: False}
    assert found.table["first_id"].to_pylist() == ["a"]
    one, other = (np.frombuffer(digest * 2, np.uint8).reshape(2, 16) for digest in pair)
    assert found.judged(one, other, same=False).tolist() == found.judged(other, one, same=False).tolist() == [True] * 2
    assert not found.judged(one, other, same=True).any()
    add_decisions(place, [], dropped=[pair])
    assert len(read_decisions(place / "decisions.parquet")) == 0


def test_a_chosen_image_stays_and_the_others_of_its_group_go(tmp_path: Path) -> None:
    own = glyphs(24, seed=3)
    files = {f"a/{i:02d}.png": png(image) for i, image in enumerate(own)}
    files |= {f"a/near{i}.png": png(noise(own[4], 1, seed=i)) for i in (1, 2)}
    source = str(write_folder(tmp_path / "set", files))
    before = dedupe(source=source, workspace=tmp_path / "w")
    one, other = "source/a/04.png", "source/a/near2.png"
    assert twins(before).keys() == {"source/a/near1.png", other}
    file = decide(before, {(other, one): True}, stays=digests_of(before)[other])
    after = dedupe(source=source, decisions=file, workspace=tmp_path / "w")
    assert {name: twin for name, (twin, *_) in twins(after).items()} == {one: other, "source/a/near1.png": other}
    assert (after.rows, after.duplicates_in("train")) == (before.rows, before.duplicates_in("train"))
    assert verify_run(Place.of(after.run)) == []


def test_two_choices_of_what_stays_are_refused(tmp_path: Path) -> None:
    pair = {"first": b"a" * 16, "second": b"b" * 16, "same": True}
    rows = [pair | {"stays": pair["first"]}, pair | {"stays": pair["second"]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    with pytest.raises(DataError, match=r"two decisions about .* that differ in stays, in rows 1 and 2;"):
        read_decisions(Place.of(tmp_path / "d.parquet"))


@pytest.mark.parametrize("row", [{"same": True, "stays": b"c" * 16}, {"same": False, "stays": b"a" * 16}])
def test_only_one_of_two_duplicates_can_stay(row: dict[str, Any], tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"first": b"a" * 16, "second": b"b" * 16} | row]), tmp_path / "d.parquet")
    with pytest.raises(DataError, match="keeps an image in row 1 that is not one of two duplicates"):
        read_decisions(Place.of(tmp_path / "d.parquet"))


def unrelated(count: int) -> list[dict[str, Any]]:
    return [{"first": bytes([n]) * 16, "second": bytes([n + 1]) * 16, "same": bool(n % 2)} for n in range(count)]


def stages_of(workspace: Path) -> set[str]:
    return {path.relative_to(workspace).as_posix() for path in (workspace / "stages").glob("*/*")}


def test_decisions_about_other_images_change_no_key(own: Report, given: dict[str, Any], tmp_path: Path) -> None:
    workspace, before = tmp_path / "w", own
    known = stages_of(workspace)
    add_decisions(Place.of(tmp_path), [*unrelated(9), unrelated(1)[0] | {"second": digests_of(before)["test/a/0.png"]}])
    other = audit(**given, threshold=0.9, decisions=tmp_path / "decisions.parquet", workspace=workspace)
    assert (other.run, other.judged) == (before.run, None)
    assert {name for name in stages_of(workspace) - known if not name.startswith("stages/decisions/")} == set()
    decide(before, {("test/a/0.png", "train/a/0.png"): False})
    one = audit(**given, threshold=0.9, decisions=workspace / "decisions.parquet", workspace=workspace)
    known = stages_of(workspace)
    add_decisions(Place.of(workspace), unrelated(5))
    more = audit(**given, threshold=0.9, decisions=workspace / "decisions.parquet", workspace=workspace)
    assert more.run == one.run != before.run
    assert stages_of(workspace) == known


def test_a_gate_names_the_decisions_that_it_counts_with(own: Report, given: dict[str, Any], tmp_path: Path) -> None:
    file = decide(own, {("test/a/0.png", "train/a/0.png"): False, ("test/a/1.png", "train/b/7.png"): True})
    with pytest.raises(
        GateError, match=r"in train by the threshold and decisions \(2, sha256 [0-9a-f]{12}\), more"
    ) as failed:
        audit(**given, threshold=0.9, decisions=file, max_overlap=0.05, workspace=tmp_path / "w")
    judged = failed.value.report.to_json()["judged"]
    assert (judged["applied"], judged["same"], judged["different"]) == (2, 1, 1)
    assert f"sha256 {judged['sha256'][:12]})" in str(failed.value)
    with pytest.raises(GateError, match="have a duplicate in train, more than"):
        audit(**given, threshold=0.9, max_overlap=0.05, workspace=tmp_path / "w")


def test_commands_take_the_decisions_of_their_workspace_and_flows_only_those_that_they_are_given(
    own: Report, given: dict[str, Any], tmp_path: Path
) -> None:
    def audited(*more: str) -> tuple[Path, str]:
        sources = [f"--{role}={folder}" for role, folder in given.items()]
        done = here("audit", *sources, "--threshold=0.9", f"--workspace={tmp_path / 'w'}", *more)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip()), done.stderr

    before, said = audited()
    assert "about these images" not in said
    assert own.run == before.resolve()
    file = decide(own, {("test/a/0.png", "train/a/0.png"): False})
    add_decisions(Place.of(tmp_path / "w"), unrelated(2))
    judged, said = audited()
    assert f"decisions in {file} about these images: 1 of 3" in said.splitlines()
    assert judged != before
    refusing, said = audited("--no-decisions")
    assert refusing == before
    assert "about these images" not in said
    add_decisions(Place.of(tmp_path), unrelated(2))
    other, said = audited("--decisions", str(tmp_path / "decisions.parquet"))
    assert other == before
    assert f"decisions in {tmp_path / 'decisions.parquet'} about these images: 0 of 2" in said
    assert audit(**given, threshold=0.9, workspace=tmp_path / "w").run == before.resolve()
    again = here("sanitize", str(before), f"--workspace={tmp_path / 'w'}")
    assert Path(again.stdout.strip()) == judged


def test_contradictory_rows_are_refused_by_name(given: dict[str, Any], tmp_path: Path) -> None:
    one, other = b"a" * 16, b"b" * 16
    rows = [
        {"first": one, "second": other, "same": True, "first_id": "test/a/1.png", "second_id": "train/b/2.png"},
        {"first": b"c" * 16, "second": other, "same": True},
        {"first": other, "second": one, "same": False, "first_id": "train/b/2.png", "second_id": "test/a/1.png"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    sources = [f"--{role}={folder}" for role, folder in given.items()]
    done = here("audit", *sources, f"--decisions={tmp_path / 'd.parquet'}", f"--workspace={tmp_path / 'w'}")
    assert refused(done, 3) == (
        f"cleansplit: {tmp_path / 'd.parquet'} has two decisions about test/a/1.png and train/b/2.png that differ in "
        "same, in rows 1 and 3; remove one of the two rows."
    )
    pq.write_table(pa.Table.from_pylist([rows[0], rows[1], rows[0]]), tmp_path / "d.parquet")
    assert len(read_decisions(Place.of(tmp_path / "d.parquet"))) == 2, "repeating a decision is not a contradiction"
