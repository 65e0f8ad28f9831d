"""Detection sets come out as they went in, without the annotations of removed images, for tools that are not ours."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from tasks.errors import DataError, UsageError
from tasks.exporting.apply import gone, kept, link
from tasks.exporting.export import export_run
from tasks.exporting.originals import Originals
from tasks.records import Report
from tasks.reporting.read import read_findings
from tasks.storage.place import Place
from tests.build import write_folder
from tests.flows.test_actions import actions_of, files_below
from tests.plain import audit, dedupe, split
from tests.sources.detection_sets import LAYOUTS, SPLITS, Image, coco, picture, written
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
    assert (made.pair("test" if made.rows.test else "validation", "train").exact, made.label_conflicts.images) == (2, 2)
    removed = {
        row["path"].rpartition("/")[2]: row["class"] for row in actions_of(made.run) if row["action"] == "remove"
    }
    assert removed == {"same.jpg": "{cat, dog}", "other.jpg": "{traffic light}"}
    paths = {row["path"] for row in actions_of(made.run)}
    folder = made.run.parent.parent.parent
    assert all((folder / path).is_file() or Path(path).is_file() for path in paths)


def test_what_is_linked_is_the_source_without_the_removed_images(made: Report, tmp_path: Path) -> None:
    layout = layout_of(made)
    own: dict[str, list[Image]] = SPLITS | {"val": SPLITS["val"][2:]}
    found, wanted = files_below(linked(made, tmp_path / "out")), LAYOUTS[layout](own)
    if layout == "yolo":
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


def test_an_image_of_two_splits_is_one_file_of_an_export(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "voc")
    (path / "ImageSets/Main/test.txt").write_text("t00\nv0\n")
    run = Place.of(audit(root=str(path), workspace=tmp_path / "w").run)
    found = read_findings(run)
    export_run(run, "folder", Place.of(tmp_path / "out"), ("x",), found)
    files = files_below(tmp_path / "out/raw")
    assert files["ImageSets/Main/test.txt"] == b"t00\nv0\n"
    assert members(tmp_path / "out/raw") == members(path)
    assert not {"t00", "v0"} & {*files_below(tmp_path / "out/sanitized")["ImageSets/Main/test.txt"].decode().split()}


@pytest.mark.parametrize("settings", [b"names: [cat]\n", None])
def test_lists_of_yolo_lead_to_what_is_linked(tmp_path: Path, settings: bytes | None) -> None:
    files = {f"images/{n}.jpg": picture(n) for n in range(6)} | {"images/5.jpg": picture(1)}
    files |= {f"labels/{n}.txt": b"0 0.5 0.5 1 1" for n in range(6)} | ({"set.yaml": settings} if settings else {})
    old = str(tmp_path / "set")
    for name, numbers in {"train": range(3), "test": range(3, 6)}.items():
        files[f"{name}.txt"] = "".join(f"{old}/images/{number}.jpg\n" for number in numbers).encode()
    out = linked(audit(root=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w"), tmp_path / "out")
    assert {*(out / "train.txt").read_text().split()} == {f"./images/{n}.jpg" for n in (0, 2, 1)}
    assert {*(out / "test.txt").read_text().split()} == {"./images/3.jpg", "./images/4.jpg"}


def test_a_class_folder_named_like_a_set_of_labels_is_refused(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "set", {"{cat}/1.jpg": picture(1), "dog/2.jpg": picture(2)})
    with pytest.raises(DataError, match=r"set has the class folder \{cat\}, named like a set of labels; rename it"):
        dedupe(source=str(source), workspace=tmp_path / "w")


def kaggle(seeds: Sequence[int]) -> dict[str, bytes]:
    """Return images whose ids have no extension, their table of labels, and images of test with equal ids."""
    files = {f"{split}_images/{n}.jpg": picture(seed) for split in ("train", "test") for n, seed in enumerate(seeds)}
    labels = ["cat" if seed % 2 else '"a ""dog"""' for seed in seeds]
    rows = "".join(f'{n},{label},"of\r\n{n}"\r\n' for n, label in enumerate(labels))
    return files | {"train.csv": f"Id,label,note\r\n{rows}".encode(), "test.csv": b"id\n0\n1\n"}


def test_a_table_of_ids_keeps_the_rows_of_the_images_that_stay(tmp_path: Path) -> None:
    files = {name: data for name, data in kaggle(range(8)).items() if not name.startswith("test")}
    files |= {"test/x.jpg": picture(40), "test/y.jpg": picture(0)}
    report = audit(root=str(write_folder(tmp_path / "set", files)), protect="test", workspace=tmp_path / "w")
    assert (report.rows.train, report.rows.test, report.sanitized.near.train) == (8, 2, 7)
    found = files_below(linked(report, tmp_path / "out"))
    assert {"train_images/0.jpg", "test/y.jpg"} & found.keys() == {"test/y.jpg"}
    with (tmp_path / "out/train.csv").open(newline="") as file:
        assert [row["Id"] for row in csv.DictReader(file)] == [*"1234567"]
    assert found["train.csv"] == files["train.csv"].replace(b'0,"a ""dog""","of\r\n0"\r\n', b"")


@pytest.mark.parametrize(("folder", "top"), [("", False), ("cat/", False), ("", True)])
def test_captions_keep_the_rows_of_the_images_that_stay(tmp_path: Path, folder: str, top: bool) -> None:
    files = {
        f"{split}/{folder}{n}.jpg": picture(n + 3 * (split == "test")) for split in ("train", "test") for n in range(5)
    }
    rows = [f'{folder}{n}.jpg,"a, ""{n}""\n"\r\n' for n in range(5)]
    tables = {f"{split}/metadata.csv": "".join(["file_name,text\r\n", *rows]).encode() for split in ("train", "test")}
    both = [f"{split}/{row}" for split in ("test", "train") for row in rows]
    files |= {"metadata.csv": "".join(["file_name,text\r\n", *both]).encode()} if top else tables
    report = audit(root=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w")
    assert report.pair("test", "train").exact == 2
    found = files_below(linked(report, tmp_path / "out"))
    name = "metadata.csv" if top else "test/metadata.csv"
    assert found.pop(name).decode() == "".join(["file_name,text\r\n", *(both if top else rows)[2:]])
    gone = {name, f"test/{folder}0.jpg", f"test/{folder}1.jpg"}
    assert found == {name: data for name, data in files.items() if name not in gone}


def test_new_splits_of_a_table_are_read_again_with_its_labels(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "set", kaggle(range(20)))
    found = split(source=str(source), models=("1nn",), workspace=tmp_path / "w")
    out = linked(found, tmp_path / "out")
    images = [name for name, kind in members(source, "source").items() if kind == "file"]
    given = {name.rpartition("/")[2]: name.split("/")[1] for name in images}
    parts = [name.split("/") for name in members(out)]
    assert {file: label for _, label, *_, file in parts} == given
    assert Counter(split for split, *_ in parts) == {name: found.rows[name] for name in ("train", "validation", "test")}
    assert all([split, folder] == [split, split] and path[0] == "train_images" for split, _, folder, *path in parts)
    rows = {row["Id"] for table in out.glob("*/*.csv") for row in csv.DictReader(table.open(newline=""))}
    assert rows == {*map(str, range(20))}
    assert {table.name for table in out.glob("*/*.csv")} == {"train.csv"}


def test_background_images_are_listed_in_the_files_of_coco_if_asked(tmp_path: Path) -> None:
    train: list[Image] = [(f"t{n}", n, (n % 3,)) for n in range(30)]
    files = coco({"train": train, "val": [(f"v{n}", 50 + n, (n % 3,)) for n in range(10)]})
    files |= {f"val2017/new{n}.jpg": picture(100 + n) for n in range(4)}
    files["val2017/leak.jpg"] = files["train2017/t0.jpg"]
    report = audit(root=str(write_folder(tmp_path / "coco", files)), workspace=tmp_path / "w")
    originals = originals_of(report)
    for background in (False, True):
        out = tmp_path / f"out{background}"
        link(kept(Place.of(report.run), report.alone, originals), originals, Place.of(out), background)
        listed = json.loads(files_below(out)[next(name for name in files if "val" in name and name.endswith("json"))])
        names = [one["file_name"].rpartition("/")[2] for one in listed["images"]]
        assert names == [f"v{n}.jpg" for n in range(10)] + [f"new{n}.jpg" for n in range(4)] * background
        assert len({one["id"] for one in listed["images"]}) == len(names)
        before = json.loads(files[next(name for name in files if "val" in name and name.endswith("json"))])
        assert listed["annotations"] == before["annotations"]
        assert {name for name in members(out) if "/new" in name} == {
            f"validation/(none)/val2017/new{n}.jpg" if not background else f"validation/{{}}/val2017/new{n}.jpg"
            for n in range(4)
        }


def of_coco(out: Path) -> dict[str, int]:
    from pycocotools.coco import COCO

    sets = {split: COCO(str(out / f"annotations/instances_{split}2017.json")) for split in SPLITS}
    for own in sets.values():
        assert all(own.annToMask(annotation).any() for annotation in own.anns.values())
    return {split: len(own.imgs) for split, own in sets.items()}


def of_yolo(out: Path) -> dict[str, int]:
    import supervision

    folders = {split: [str(out / part / split) for part in ("images", "labels")] for split in SPLITS}
    settings = str(out / "data.yaml")
    return {split: len(supervision.DetectionDataset.from_yolo(*own, settings)) for split, own in folders.items()}


def of_voc(out: Path) -> dict[str, int]:
    import supervision

    own = supervision.DetectionDataset.from_pascal_voc(str(out / "JPEGImages"), str(out / "Annotations"))
    stems = {Path(path).stem for path, _, _ in own}
    lists = {split: (out / f"ImageSets/Main/{split}.txt").read_text().split() for split in SPLITS}
    return {split: len(stems & {*names}) for split, names in lists.items()}


def of_hub(out: Path) -> dict[str, int]:
    tables = {split: (out / split / "metadata.jsonl").read_text().splitlines() for split in SPLITS}
    assert all((out / split / json.loads(row)["file_name"]).is_file() for split, rows in tables.items() for row in rows)
    return {split: len(rows) for split, rows in tables.items()}


READERS: dict[str, Callable[[Path], dict[str, int]]] = {"coco": of_coco, "yolo": of_yolo, "voc": of_voc, "hub": of_hub}
NEEDED = {"coco": "pycocotools", "yolo": "supervision", "voc": "supervision", "hub": "json"}


def test_tools_of_others_read_what_is_linked(made: Report, tmp_path: Path) -> None:
    pytest.importorskip(NEEDED[layout_of(made)], reason="its reader is not installed")
    assert READERS[layout_of(made)](linked(made, tmp_path / "out")) == {"train": 12, "val": 5}
