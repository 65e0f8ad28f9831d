"""Detection sets come out as they went in, without the annotations of removed images, and other tools read them."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from flows.pipeline import audit, dedupe, split
from tasks.errors import DataError, UsageError
from tasks.exporting.apply import gone, kept, link
from tasks.exporting.export import export_run
from tasks.exporting.originals import Originals
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.storage.place import Place
from tests.build import write_folder
from tests.flows.test_actions import actions_of, files_below
from tests.sources.detection_sets import LAYOUTS, SPLITS, Image, picture, written
from tests.sources.test_annotated import members

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture(scope="module", params=LAYOUTS)
def made(prefect_server: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp(request.param)
    return audit(root=str(written(folder / request.param, request.param)), workspace=folder / "w")


def originals_of(report: Report) -> Originals:
    run = Place.of(report.run)
    return Originals(read_findings(run).archives, run.parent.parent)


def linked(report: Report, out: Path) -> Path:
    originals = originals_of(report)
    link(kept(Place.of(report.run), report.alone, originals), originals, Place.of(out))
    return out


def layout_of(report: Report) -> str:
    return report.run.parent.parent.parent.name.rstrip("0123456789")


def test_labels_are_a_conflict_only_if_their_sets_differ(made: Report) -> None:
    assert (made.pair("test" if made.rows.test else "validation", "train").exact, made.label_conflicts.pairs) == (2, 1)
    removed = {
        row["path"].rpartition("/")[2]: row["class"] for row in actions_of(made.run) if row["action"] == "remove"
    }
    assert removed == {"same.jpg": "{cat, dog}", "other.jpg": "{traffic light}"}
    paths = {row["path"] for row in actions_of(made.run)}
    folder = made.run.parent.parent.parent
    assert all((folder / path).is_file() or Path(path).is_file() for path in paths)


def test_what_is_linked_is_the_source_without_the_removed_images(made: Report, tmp_path: Path) -> None:
    own: dict[str, list[Image]] = SPLITS | {"val": SPLITS["val"][2:]}
    found, wanted = files_below(linked(made, tmp_path / "out")), LAYOUTS[layout_of(made)](own)
    assert yaml.safe_load(found.pop("data.yaml")) == {
        "nc": 3, "names": {0: "cat", 1: "dog", 2: "traffic light"}, "train": "train.txt", "val": "val.txt",
    }  # fmt: skip
    assert sorted(found.pop("val.txt").decode().split()) == [f"./images/val/v{n}.jpg" for n in range(5)]
    assert len(found.pop("train.txt").split()) == 12
    del wanted["data.yaml"]
    assert found == wanted


def test_what_is_linked_is_read_again_with_the_same_labels(made: Report, tmp_path: Path) -> None:
    folder = made.run.parent.parent.parent / layout_of(made)
    before, after = members(folder), members(linked(made, tmp_path / "out"))
    assert {name for name in before if not name.endswith(("same.jpg", "other.jpg"))} == after.keys()


def test_exports_have_the_labels_of_both_sets(made: Report, tmp_path: Path) -> None:
    run, names = Place.of(made.run), {"raw": 19, "sanitized": 17}
    export_run(run, "folder", Place.of(tmp_path / "out"), made.classes, read_findings(run))
    for name, count in names.items():
        assert len(members(tmp_path / "out" / name)) == count


def test_nothing_is_moved_out_of_a_set_whose_annotations_would_stay(made: Report) -> None:
    with pytest.raises(UsageError, match=r"nothing can be moved out of .*; use --link"):
        gone(Place.of(made.run), originals_of(made))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_new_splits_of_one_set_have_their_own_annotations(layout: str, tmp_path: Path) -> None:
    images: list[Image] = [(f"{n:02d}", n % 28, (0, 1)) for n in range(30)]
    files = {name.replace("train", "all"): data for name, data in LAYOUTS[layout]({"train": images}).items()}
    source = write_folder(tmp_path / layout, files)
    found = split(source=str(source), workspace=tmp_path / "w")
    labels = members(source, "source")
    parts = [name.split("/", 3) for name in members(linked(found, tmp_path / "out"))]
    assert len(parts) == len(labels)
    assert all(split == folder and f"{label}/{path}" in labels for split, label, folder, path in parts)
    assert Counter(split for split, *_ in parts) == {name: found.rows[name] for name in ("train", "validation", "test")}


def test_a_class_folder_named_like_a_set_of_labels_is_refused(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "set", {"{cat}/1.jpg": picture(1), "dog/2.jpg": picture(2)})
    with pytest.raises(DataError, match=r"set has the class folder \{cat\}, named like a set of labels; rename it"):
        dedupe(source=str(source), workspace=tmp_path / "w")


def test_other_tools_read_what_is_linked(made: Report, tmp_path: Path) -> None:
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    out = linked(made, tmp_path / "out")
    folders = {split: [str(out / part / split) for part in ("images", "labels")] for split in SPLITS}
    settings = str(out / "data.yaml")
    rows = {split: len(supervision.DetectionDataset.from_yolo(*own, settings)) for split, own in folders.items()}
    assert rows == {"train": 12, "val": 5}
