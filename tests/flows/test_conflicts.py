"""Duplicates with different labels: neither side goes within a set, both are named, and the report begins with them."""

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.presenting.changes import what_changed
from tasks.presenting.words import Numbers, answer
from tasks.records import Report
from tasks.reporting.verify import verify_run
from tasks.storage.decisions import add_decisions
from tasks.storage.place import Place
from tests.build import glyphs, noise, png, write_folder
from tests.flows.test_actions import actions_of, files_below
from tests.flows.test_cli import here
from tests.flows.test_decisions import digests_of
from tests.plain import audit, dedupe
from tests.sources.detection_sets import Image, coco, written

pytestmark = pytest.mark.usefixtures("prefect_server")
OWN = glyphs(60, seed=25)
PLANTED = 20


def planted() -> dict[str, bytes]:
    """Return 20 images of both classes, ten identical and ten near, a plain copy, and 20 isolated images."""
    found = {f"a/{i:02d}.png": png(OWN[i]) for i in range(PLANTED)}
    found |= {f"b/{i:02d}.png": png(OWN[i] if i < 10 else noise(OWN[i], 1, seed=i)) for i in range(PLANTED)}
    found |= {f"b/alone{i}.png": png(OWN[i]) for i in range(PLANTED, 40)}
    return found | {"a/copy.png": png(OWN[3])}


def conflicts(report: Report) -> dict[str, str]:
    """Return what label_conflicts.parquet names, and the duplicate of each."""
    return {row["id"]: row["twin_id"] for row in pq.read_table(report.run / "label_conflicts.parquet").to_pylist()}


def told(report: Report, action: str) -> dict[str, str]:
    """Return class and file of the images with an action, and why."""
    rows = [row for row in actions_of(report.run) if row["action"] == action]
    return {"/".join(row["path"].split("/")[-2:]): row["why"] for row in rows}


def decide(report: Report, one: str, other: str, right: str) -> Path:
    """Say that two images show the same, and what that is."""
    digests, workspace = digests_of(report), report.run.parent.parent
    row = {"first": digests[one], "second": digests[other], "same": True, "right_label": right}
    add_decisions(Place.of(workspace), [row])
    return workspace / "decisions.parquet"


@pytest.fixture(scope="module")
def alone(prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("alone")
    return dedupe(source=str(write_folder(folder / "set", planted())), workspace=folder / "w")


def test_of_duplicates_with_different_labels_dedupe_removes_neither(alone: Report) -> None:
    assert [line.split("/")[-1] for line in (alone.run / "remove.txt").read_text().splitlines()] == ["copy.png"]
    sides = {f"source/{name}/{i:02d}.png" for name in "ab" for i in range(PLANTED)}
    named = conflicts(alone)
    assert named.keys() == sides
    assert all(named[f"source/a/{i:02d}.png"] == f"source/b/{i:02d}.png" for i in range(PLANTED))
    assert told(alone, "review") == {name.removeprefix("source/"): "conflict" for name in sides}
    assert told(alone, "remove") == {"a/copy.png": "exact"}
    found = alone.duplicates_in("train")
    assert (found.groups, found.conflicts, found.exact, found.near, found.held) == (20, 20, 1, 0, 20)
    assert (alone.label_conflicts.images, alone.label_conflicts.open) == (40, 40)
    assert verify_run(Place.of(alone.run)) == []


def test_conflicts_come_first_with_what_to_do(alone: Report) -> None:
    said = "40 images have a duplicate with another label: at most one of the labels is right, unless the images are "
    text = (alone.run / "README.md").read_text()
    assert f"\n\n- {said}look-alikes.\n" in text
    assert f"\n- Decide the doubtful pairs: `cleansplit review {alone.run.name}`\n" in text
    page = (alone.run / "report.html").read_text()
    assert f"<code><bdi>cleansplit review {alone.run.name}</bdi></code>" in page
    kinds = re.findall('data-kinds="([^"]*)"', page)
    assert kinds == ["conflict"] * PLANTED + ["exact"]
    assert page.count('<strong class="goes">goes</strong>') == 1, "of two labels both images stay"


def test_a_gate_counts_what_stays_for_its_label_alone(alone: Report, tmp_path: Path) -> None:
    source = str(write_folder(tmp_path / "set", planted()))
    done = here("dedupe", source, "--workspace", str(tmp_path / "w"), "--max-duplicates", "0.02")
    assert done.returncode == 4
    assert "21 of 61 images (34.43 %) are duplicates, more than the 2 % allowed" in done.stderr
    assert "20 stay for their label, and `cleansplit review " in done.stderr
    assert (
        "1 of the 61 images is a duplicate; 20 more are duplicates of images with other labels, and stay."
        in done.stderr
    )


def test_apply_leaves_what_is_to_be_reviewed_and_says_how_many(alone: Report, tmp_path: Path) -> None:
    run = ("apply", str(alone.run), "--move", str(tmp_path / "gone"))
    for more in ((), ("--execute",)):
        done = here(*run, *more)
        assert done.returncode == 0, done.stderr
        assert "images left for you to decide (see actions.csv): 40 to review" in done.stderr
        assert "relabel" not in done.stderr
    assert list(files_below(tmp_path / "gone")) == ["a/copy.png"]


def test_an_answer_says_which_image_gets_another_label(alone: Report, tmp_path: Path) -> None:
    before = dedupe(source=str(write_folder(tmp_path / "set", planted())), workspace=tmp_path / "w")
    decide(before, "source/a/03.png", "source/b/03.png", "a")  # identical
    file = decide(before, "source/a/12.png", "source/b/12.png", "b")  # near
    after = dedupe(source=str(tmp_path / "set"), decisions=file, workspace=tmp_path / "w")
    wrong = {row["path"].removeprefix(f"{tmp_path}/set/"): row for row in actions_of(after.run) if row["new_class"]}
    assert {name: (row["action"], row["new_class"]) for name, row in wrong.items()} == {
        "b/03.png": ("relabel", "a"), "a/12.png": ("relabel", "b"),
    }  # fmt: skip
    kept = told(after, "keep")
    assert {"a/03.png", "b/12.png"} <= kept.keys(), "the other side is right"
    assert len(told(after, "review")) == 36
    assert told(after, "remove") == {"a/copy.png": "exact"}, "nothing else goes for an answer"
    assert (after.label_conflicts.images, after.label_conflicts.open) == (40, 36)
    assert "36 images have a duplicate with another label" in (after.run / "README.md").read_text()
    assert (
        "4 of the 40 images that have a duplicate with another label are decided"
        in (after.run / "README.md").read_text()
    )
    done = here("apply", str(after.run), "--move", str(tmp_path / "gone"))
    assert "images left for you to decide (see actions.csv): 36 to review, 2 to relabel" in done.stderr


def test_of_a_picture_with_three_labels_one_answer_settles_all(tmp_path: Path) -> None:
    files = {f"{name}/0.png": png(OWN[0]) for name in "abc"} | {f"a/{i}.png": png(OWN[i]) for i in range(1, 20)}
    before = dedupe(source=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w")
    assert len(told(before, "review")) == before.label_conflicts.open == 3
    file = decide(before, "source/a/0.png", "source/b/0.png", "b")
    after = dedupe(source=str(tmp_path / "set"), decisions=file, workspace=tmp_path / "w")
    assert told(after, "relabel").keys() == {"a/0.png", "c/0.png"}
    assert not told(after, "review")
    assert (after.label_conflicts.images, after.label_conflicts.open) == (3, 0)
    given = ("--decisions", str(file), "--workspace", str(tmp_path / "w"), "--max-duplicates", "0.02")
    said = here("dedupe", str(tmp_path / "set"), *given).stderr
    assert "2 stay for their label; actions.csv has the right label of each image." in said
    assert "cleansplit review" not in said, "nothing is left to ask"


def between(folder: Path, **more: bytes) -> dict[str, Any]:
    """Write train of two classes, and a test with a copy and a near copy of images of the other one."""
    train = {f"{'ab'[i % 2]}/{i:02d}.png": png(OWN[i]) for i in range(30)}
    test = {"b/exact.png": png(OWN[4]), "a/near.png": png(noise(OWN[7], 1, seed=7)), "a/same.png": png(OWN[2])}
    test |= {f"b/new{i}.png": png(OWN[i]) for i in range(30, 50)}
    return {role: str(write_folder(folder / role, of)) for role, of in (("train", train), ("test", test))}


def test_between_splits_the_evaluated_side_goes_and_both_are_to_be_reviewed(tmp_path: Path) -> None:
    given = between(tmp_path)
    before = audit(**given, workspace=tmp_path / "w")
    pairs = {"test/b/exact.png": "train/a/04.png", "test/a/near.png": "train/b/07.png"}
    assert conflicts(before) == pairs | {twin: row for row, twin in pairs.items()}
    assert told(before, "remove") == {"b/exact.png": "exact", "a/near.png": "near", "a/same.png": "exact"}
    assert told(before, "review") == dict.fromkeys(["b/exact.png", "a/near.png", "a/04.png", "b/07.png"], "conflict")
    listed = (before.run / "remove" / "test.txt").read_text().splitlines()
    assert sorted(line.split("/")[-1] for line in listed) == ["exact.png", "near.png", "same.png"]
    first = (before.run / "README.md").read_text().partition("\n\n- ")[2]
    assert first.startswith("4 images have a duplicate with another label")
    file = decide(before, "train/a/04.png", "test/b/exact.png", "b")
    after = audit(**given, decisions=file, workspace=tmp_path / "w")
    assert told(after, "relabel") == {"a/04.png": "conflict"}
    assert told(after, "review").keys() == {"a/near.png", "b/07.png"}
    assert told(after, "remove") == told(before, "remove")


def test_conflicts_inside_a_split_are_named_too(tmp_path: Path) -> None:
    given = between(tmp_path)
    write_folder(Path(given["train"]), {"b/other.png": png(OWN[8])})
    found = audit(**given, workspace=tmp_path / "w")
    assert conflicts(found)["train/b/other.png"] == "train/a/08.png"
    assert told(found, "review").keys() >= {"b/other.png", "a/08.png"}
    assert found.rows.train == found.sanitized.near.train == 31
    assert not (found.run / "duplicates").exists()


def test_inside_a_split_all_copies_are_to_be_relabelled_and_a_comparison_says_so(tmp_path: Path) -> None:
    given = between(tmp_path)
    write_folder(Path(given["train"]), {f"b/copy{i}.png": png(OWN[8]) for i in range(3)})
    before = audit(**given, workspace=tmp_path / "w")
    copies = {f"train/b/copy{i}.png" for i in range(3)}
    assert copies <= conflicts(before).keys(), "duplicates inside a split stay, so each needs a label"
    file = decide(before, "train/a/08.png", "train/b/copy0.png", "a")
    after = audit(**given, decisions=file, workspace=tmp_path / "w")
    assert told(after, "relabel").keys() == {name.removeprefix("train/") for name in copies}
    assert after.label_conflicts.wrong == 3
    assert "3 images have a wrong label, as people decided: actions.csv has the right one." in answer(Numbers(after))
    said = what_changed(before, after)
    assert "| duplicates | labels, open | 8 | 4 |" in said
    assert "| settings | decisions, sha256 |" in said


def test_a_summary_never_compares_a_run_with_itself(tmp_path: Path) -> None:
    given = between(tmp_path)
    runs = []
    for number, floor in enumerate((0.8, 0.7) * 2):
        summary = tmp_path / f"{number}.md"
        runs.append(audit(**given, floor=floor, summary=summary, workspace=tmp_path / "w").run.name)
        said = summary.read_text()
        assert f"Since {runs[number - 1]}:" in said if number else "No earlier run" in said
        assert "Nothing changed" not in said
    assert runs[:2] == runs[2:]


def test_duplicates_with_other_sets_of_labels_say_how_they_differ(tmp_path: Path) -> None:
    found = audit(root=str(written(tmp_path / "set", "yolo")), workspace=tmp_path / "w")
    differ = "2 images have a duplicate with other labels: only one of the two images has each label that differs."
    assert differ in answer(Numbers(found))
    assert "is right" not in answer(Numbers(found))


def test_images_that_coco_does_not_list_are_compared(tmp_path: Path) -> None:
    train: list[Image] = [(f"t{n}", n, (n % 3,)) for n in range(30)]
    validation: list[Image] = [(f"v{n}", 50 + n, (n % 3,)) for n in range(30)]
    files = coco({"train": train, "val": validation})
    files |= {f"val2017/extra{n}.jpg": files[f"train2017/t{n}.jpg"] for n in range(10)}
    set_of = write_folder(tmp_path / "set", files)
    done = here("audit", str(set_of), "--max-overlap", "0", "--workspace", str(tmp_path / "w"))
    assert done.returncode == 4
    assert "10 of the 40 validation images" in done.stderr


def test_images_without_labels_have_no_conflicts(tmp_path: Path) -> None:
    train = {f"{'ab'[i % 2]}/{i:02d}.png": png(OWN[i]) for i in range(40)}
    flat = {f"{i:02d}.png": png(OWN[i] if i % 2 else noise(OWN[i], 1, seed=i)) for i in range(30)}
    given: dict[str, Any] = {r: str(write_folder(tmp_path / r, f)) for r, f in (("train", train), ("test", flat))}
    found = audit(**given, workspace=tmp_path / "w")
    assert found.pair("test", "train").either == 30
    assert not conflicts(found)
    assert not told(found, "review")
    assert found.label_conflicts.images == found.pair("test", "train").cross_class == 0
    text = (found.run / "README.md").read_text()
    assert "30 test images have no label, so their label conflicts are unknown." in text
    assert "a duplicate of another class in train" not in text
    row = next(line for line in text.splitlines() if line.startswith("| test | train |"))
    assert row.endswith("| - |"), "not 0: it is not known"
    gallery = (found.run / "report.html").read_text().partition('class="gallery"')[2].partition("</ul>")[0]
    assert gallery.count('<strong class="goes">goes</strong>') == 30
    assert "(none)" not in gallery, "no name of ours for images without a class"
    assert all(band.other_class == 0 for band in found.verdict.bands)


def test_rows_without_a_label_hide_no_conflict_and_go_before_those_that_have_one(tmp_path: Path) -> None:
    """A row without a label is the most similar match of both sides of a conflict."""
    write_folder(tmp_path / "set", {f"{i}.png": png(OWN[i]) for i in range(30)})
    middle, one, other = OWN[50], noise(OWN[50], 1, seed=1), noise(noise(OWN[50], 1, seed=2), 1, seed=3)
    write_folder(tmp_path / "set", {"m.png": png(middle), "one.png": png(one), "other.png": png(other)})
    labels = {f"{i}.png": "ab"[i % 2] for i in range(30)} | {"m.png": "", "one.png": "a", "other.png": "b"}
    lines = ["path,label", *(f"{name},{label}" for name, label in labels.items())]
    (tmp_path / "set" / "list.csv").write_text("\n".join(lines))
    found = dedupe(source=str(tmp_path / "set" / "list.csv"), workspace=tmp_path / "w")
    assert {name.split("/")[-1] for name in conflicts(found)} == {"one.png", "other.png"}
    assert [line.split("/")[-1] for line in (found.run / "remove.txt").read_text().splitlines()] == ["m.png"]
