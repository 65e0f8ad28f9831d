"""Images of detection sets have their set of labels as class, and damaged annotations are named."""

import json
from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.records import Source
from tasks.sources.annotated import label_file
from tasks.sources.opening import Opened, open_source
from tasks.storage.place import Place
from tests.build import write_folder
from tests.sources.detection_sets import LABELS, LAYOUTS, SPLITS, coco, picture, voc, written


def opened(path: Path, role: str = "root") -> Opened:
    source = Source(role, path.name, str(path), None, {})  # type: ignore[arg-type]  # some role
    return open_source(source, Place.of(path.parent / "w"))


def members(path: Path, role: str = "root") -> dict[str, str]:
    """Return the kind of each member by name."""
    return {entry.name: entry.kind for entry in opened(path, role).members().entries()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_class_of_an_image_is_its_set_of_labels(tmp_path: Path, layout: str) -> None:
    found = members(written(tmp_path / "set", layout))
    assert set(found.values()) == {"file"}  # no file is left over
    by_name = {name.split("/")[-1].removesuffix(".jpg"): name.split("/")[:2] for name in found}
    assert len(by_name) == len(found) == sum(map(len, SPLITS.values()))
    expected = LABELS | {"t11": "{}"} if layout == "coco" else LABELS  # where no file can be missing
    assert {name: by_name[name][1] for name in LABELS} == expected
    assert (by_name["same"], by_name["other"]) == (["validation", "{cat, dog}"], ["validation", "{traffic light}"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_labels_are_another_set_and_other_boxes_are_not(tmp_path: Path, layout: str) -> None:
    path = written(tmp_path / "set", layout)
    before = opened(path).digest
    changes = {"yolo": (b"0.500", b"0.400"), "coco": (b"40.10", b"40.11"), "voc": (b"head", b"tail")}
    changes["hub"] = changes["voc"]
    for name, data in LAYOUTS[layout]().items():
        (path / name).write_bytes(data.replace(*changes[layout]))
    assert opened(path).digest == before
    for name, data in LAYOUTS[layout]().items():
        (path / name).write_bytes(data.replace(b"traffic light", b"lamp"))
    assert opened(path).digest != before


def test_files_that_belong_to_no_image_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "yolo")
    write_folder(path, {"labels/train/orphan.txt": b"0 1 1 1 1", "notes.md": b"x", "masks/t00.png": picture(99)})
    write_folder(path, {"images/train/\u202e.jpg": picture(98), "labels/train/\u202e.txt": b"0 1 1 1 1"})
    beside = {name for name, kind in members(path).items() if kind == "beside"}
    assert beside == {"notes.md", "masks/t00.png", "images/train/\\u202e.jpg"} | {
        f"labels/train/{name}.txt" for name in ("orphan", "\\u202e")
    }


def test_images_that_coco_does_not_list_are_background(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "coco")
    write_folder(path, {"val2017/new.jpg": picture(97), "masks/t00.png": picture(98)})
    found = members(path)
    assert "validation/(none)/val2017/new.jpg" in found
    assert {name for name, kind in found.items() if kind == "beside"} == {"masks/t00.png"}
    assert not opened(path).notes


def test_images_of_no_split_are_named(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", voc() | {"JPEGImages/x1.jpg": picture(98), "JPEGImages/x2.jpg": picture(99)})
    said = "left out, because no list and no folder tells the split: 2 images such as JPEGImages/x1.jpg."
    assert opened(path).notes == (said,)
    assert {name for name, kind in members(path).items() if kind == "beside"} == {
        f"JPEGImages/x{n}.jpg" for n in (1, 2)
    }


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "yolo")
    (path / "data.yaml").write_text("names: {0: cat}\n")
    assert {"train/{1, cat}/images/train/t00.jpg", "train/{1}/images/train/t01.jpg"} <= members(path).keys()
    (path / "data.yaml").unlink()
    assert {"train/{0, 1}/images/train/t00.jpg", "train/{1}/images/train/t01.jpg"} <= members(path).keys()


def test_an_image_that_two_lists_name_is_in_both_splits(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "voc")
    (path / "ImageSets/Main/test.txt").write_text("t00\nv0\n")
    found = members(path)
    assert {"train/{cat, dog}/JPEGImages/t00.jpg", "test/{cat, dog}/JPEGImages/t00.jpg"} <= found.keys()
    assert {"validation/{cat}/JPEGImages/v0.jpg", "test/{cat}/JPEGImages/v0.jpg"} <= found.keys()


def test_lists_name_images_by_their_whole_paths(tmp_path: Path) -> None:
    images = {f"{folder}/images/{n}.jpg": picture(n) for folder in ("a", "b") for n in range(3)}
    labels = {name.replace("images", "labels").replace("jpg", "txt"): b"0 0.5 0.5 1 1" for name in images}
    lists = {
        "train.txt": b"./a/images/0.jpg\n/old/a/images/1.jpg\n\n",
        "val2017.txt": b"C:\\old\\b\\images\\0.jpg\r\n1.jpg",
    }
    found = members(write_folder(tmp_path / "set", images | labels | lists))
    assert {name for name, kind in found.items() if kind == "file"} == {
        "train/{0}/a/images/0.jpg", "train/{0}/a/images/1.jpg", "validation/{0}/b/images/0.jpg"
    }  # fmt: skip
    assert {"a/images/2.jpg", "b/images/1.jpg", "b/images/2.jpg"} <= found.keys()  # counted, but in no split


def test_each_year_of_voc_has_its_own_lists(tmp_path: Path) -> None:
    files = {f"VOC{year}/{name}": data for year in (2007, 2012) for name, data in voc().items()}
    del files["VOC2012/ImageSets/Main/val.txt"]
    found = members(write_folder(tmp_path / "set", files))
    assert {
        "train/{cat, dog}/VOC2007/JPEGImages/t00.jpg",
        "train/{cat, dog}/VOC2012/JPEGImages/t00.jpg",
    } <= found.keys()
    assert (found["validation/{cat}/VOC2007/JPEGImages/v0.jpg"], found["VOC2012/JPEGImages/v0.jpg"]) == (
        "file",
        "beside",
    )


def test_files_of_voc_may_be_beside_their_images(tmp_path: Path) -> None:
    files = {f"{split}/{name}.jpg": picture(seed) for split in SPLITS for name, seed, _ in SPLITS[split]}
    labels = {
        f"{split}/{name}.xml": voc()[f"Annotations/{name}.xml"] for split in SPLITS for name, _, c in SPLITS[split] if c
    }
    found = members(
        write_folder(tmp_path / "set", files | labels | {"val/orphan.xml": b"<annotation/>", "notes.xml": b"<x/>"})
    )
    assert {f"train/{LABELS[name]}/train/{name}.jpg" for name in ("t00", "t01", "t02", "t11")} < found.keys()
    assert found["train/(none)/train/t03.jpg"] == "file"  # without a file
    assert "validation/{traffic light}/val/other.jpg" in found
    assert {name for name, kind in found.items() if kind == "beside"} == {"val/orphan.xml", "notes.xml"}
    assert label_file("val/other.jpg", labels) == "val/other.xml"


def test_other_xml_beside_images_gives_no_labels(tmp_path: Path) -> None:
    files = {
        f"{split}/cat/{n}.{end}": data
        for split in ("train", "test")
        for n in range(2)
        for end, data in (("jpg", picture(n)), ("xml", b"<x><object><name>y</name></object></x>"))
    }
    assert {*members(write_folder(tmp_path / "set", files)).values()} == {"file"}
    (tmp_path / "set/metadata.csv").write_text("file_name,label\ntrain/cat/0.jpg,a\ntest/cat/1.jpg,b\n")
    found = members(tmp_path / "set")
    assert {name for name, kind in found.items() if kind == "file"} == {
        "train/{a}/train/cat/0.jpg",
        "test/{b}/test/cat/1.jpg",
    }
    (tmp_path / "set/test/cat/0.xml").write_text("<annotation><object>")
    with pytest.raises(
        DataError, match=r"test/cat/0.xml is not a readable file of annotations \(no element found.*correct"
    ):
        members(tmp_path / "set")


def test_images_of_several_coco_files_have_the_labels_of_all(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "coco")
    about = {"images": [{"id": 7, "file_name": "t00.jpg"}], "categories": [{"id": 1, "name": "nose"}]}
    own = {"annotations": [{"image_id": 7, "category_id": 1}]}
    (path / "annotations/person_keypoints_train2017.json").write_text(json.dumps(about | own))
    (path / "annotations/captions_train2017.json").write_text(json.dumps(about | {"annotations": [{"image_id": 7}]}))
    assert "train/{cat, dog, nose}/train2017/t00.jpg" in members(path)


def test_images_of_a_split_without_a_coco_file_are_unlabelled(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "coco")
    names = ("test2017/1.jpg", "train2017/of_no_file.jpg", "unlabeled2017/2.jpg")
    write_folder(path, dict.fromkeys(names, picture(40)))
    found = members(path)
    assert found["test/(none)/test2017/1.jpg"] == "file"
    assert found["train/(none)/train2017/of_no_file.jpg"] == "file"
    assert {name for name, kind in found.items() if kind == "beside"} == {"unlabeled2017/2.jpg"}


def test_images_of_a_coco_file_without_categories_are_unlabelled(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "coco")
    write_folder(path, {"test2017/1.jpg": picture(40), "test2017/2.jpg": picture(41)})
    about = {"images": [{"id": 1, "file_name": "1.jpg"}], "categories": [{"id": 1, "name": "cat"}], "annotations": []}
    (path / "annotations/image_info_test2017.json").write_text(json.dumps(about))
    assert [members(path)[f"test/(none)/test2017/{number}.jpg"] for number in (1, 2)] == ["file"] * 2


def of_names(folder: Path, *names: str) -> dict[str, str]:
    """Return the members of a set of COCO with images of these names."""
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    text = json.dumps({"images": images, "annotations": [{"image_id": 0, "category_id": 7}]})
    write_folder(folder, {"annotations/all.json": text.encode()})
    return members(folder, "source")


@pytest.mark.parametrize(
    "name", ["here/a.jpg", "./here/a.jpg", "/old/here/a.jpg", "C:\\old\\here\\a.jpg", "../here/a.jpg", "b.jpg"]
)
def test_an_image_of_coco_is_found_by_a_part_of_its_path(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path, {"here/a.jpg": picture(2), "there/a.jpg": picture(3), "here/b.jpg": picture(4)})
    found = of_names(tmp_path, name)
    other = "a" if name == "b.jpg" else "b"  # in the folder of a listed image
    images = {path for path, kind in found.items() if kind == "file"}
    assert images == {f"{{7}}/here/{name[-5:]}", f"(none)/here/{other}.jpg"}


@pytest.mark.parametrize("file", ["annotations/instances_{}2017.json", "{}2017/_annotations.coco.json"])
def test_images_with_one_name_are_found_by_the_split_of_their_file(tmp_path: Path, file: str) -> None:
    files = coco({"train": [("0", 1, (0,))], "val": [("0", 2, (1,))], "test": [("0", 3, None)]})
    for split in ("train", "val", "test"):
        files[file.format(split)] = files.pop(f"annotations/instances_{split}2017.json")
    assert members(write_folder(tmp_path / "set", files)).keys() == {
        "train/{cat}/train2017/0.jpg", "validation/{dog}/val2017/0.jpg", "test/(none)/test2017/0.jpg"
    }  # fmt: skip


def test_an_image_of_coco_with_a_name_of_several_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", {"here/a.jpg": picture(2), "there/a.jpg": picture(3)})
    with pytest.raises(DataError, match=r"all.json is not .* \(a.jpg is the name of here/a.jpg and there/a.jpg\)"):
        of_names(tmp_path / "set", "a.jpg")


def test_a_name_leads_to_no_file_out_of_the_folder(tmp_path: Path) -> None:
    write_folder(tmp_path, {"secret.jpg": picture(1), "set/here/a.jpg": picture(2)})
    found = of_names(tmp_path / "set", "a.jpg", str(tmp_path / "secret.jpg"), "there/a.jpg", "gone.jpg")
    assert sorted(found.values()) == ["file", "missing", "missing", "missing"]
    with pytest.raises(
        DataError, match=r"all.json is not a readable file .* \(../secret.jpg leads out of the folder\)"
    ):
        of_names(tmp_path / "set", "a.jpg", "../secret.jpg")


OTHERS = b'{"images": [{"id": 1, "file_name": "of_another_set.jpg"}]}'
IMAGE = b'{"id": 0, "file_name": "t00.jpg"}, '
IMAGES = b'{"images": [' + IMAGE
ANNOTATIONS = b'{"annotations": [{"image_id": 0, "category_id": 1}, '
DEEP = b'{"images": [{"file_name": ' + b"[" * 90_000
DAMAGE: dict[str, tuple[str, str, bytes, str]] = {  # layout, file, content, and part of the sentence
    "text for a number": ("yolo", "labels/train/t00.txt", b"cat 0.5 0.5 1 1", "invalid literal for int"),
    "no text": ("yolo", "labels/train/t00.txt", b"\xff\xfe0", "codec can't decode"),
    "aliases": ("yolo", "data.yaml", b"names: &a [x]\nb: [*a, *a]", "or has aliases"),
    "a deep list": ("yolo", "data.yaml", b"names: " + b"[" * 50_000, "deeply nested"),
    "an object of Python": ("yolo", "data.yaml", b"names: !!python/object/apply:os.abort []", "constructor"),
    "large labels": ("yolo", "labels/train/t00.txt", b"0\n" * (3 << 20), "more than 4,096 KiB"),
    "a bomb": ("voc", "Annotations/t00.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a document type"),
    "a bomb in UTF-16": ("voc", "Annotations/t00.xml", '<!DOCTYPE a><a/>'.encode("utf-16"), "a document type"),
    "a cut file": ("voc", "Annotations/t00.xml", b"<annotation><object>", "no element found"),
    "a deep list of images": ("coco", "annotations/instances_train2017.json", DEEP, "recursion"),
    "cut annotations": ("coco", "annotations/instances_train2017.json", ANNOTATIONS, "Expecting value"),
    "a cut list": ("coco", "annotations/instances_train2017.json", IMAGES, "Expecting value"),
    "no id": ("coco", "annotations/instances_train2017.json", b'{"images": [{"file_name": "a.jpg"}]}', "no 'id'"),
    "one id twice": ("coco", "annotations/instances_train2017.json", IMAGES + IMAGE, "two images have the id 0"),
    "no hashable id": ("coco", "annotations/instances_train2017.json", IMAGES.replace(b"0", b"[]"), "unhashable"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_of_annotations_is_named(tmp_path: Path, damage: str) -> None:
    layout, name, content, said = DAMAGE[damage]
    path = written(tmp_path / "set", layout)
    (path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} is not a readable file of annotations .*{said}.*; correct or remove"):
        opened(path)


def test_a_larger_json_file_than_is_read_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "coco")
    with (path / "annotations/instances_train2017.json").open("ab") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(DataError, match=r"train2017.json is not a readable .* \(more than 1,048,576 KiB\)"):
        opened(path)


def test_json_and_text_of_other_forms_leave_images_in_class_folders(tmp_path: Path) -> None:
    files = {f"{split}/labels/{n}.jpg": picture(n) for split in ("train", "test") for n in range(2)}
    texts = {"train/about.json": b'{"images": 5', "train/labels/1.txt": b"a caption", "config.yaml": b"a: *b"}
    texts |= {"notes.json": "a note".encode("utf-16"), "train/of_others.json": OTHERS}
    texts["train/index.json"] = OTHERS.replace(b"of_another_set", b"1")  # of images, but without labels
    found = members(write_folder(tmp_path / "set", files | texts))
    assert found.keys() == files.keys() | texts.keys()


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_annotations_in_utf_16_are_read_as_in_utf_8(tmp_path: Path, order: str) -> None:
    for layout in LAYOUTS:
        one, other = (written(tmp_path / name, layout) for name in (f"{layout}-8", f"{layout}-16"))
        for path in other.rglob("*"):
            if path.suffix in (".json", ".xml", ".txt", ".yaml"):
                path.write_bytes(f"\ufeff{path.read_text()}".encode(order))
        assert members(other).keys() == members(one).keys(), layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_label_that_is_not_text_is_named(tmp_path: Path, layout: str) -> None:
    files = {name: data.replace(b"traffic light", b"\\ud800") for name, data in LAYOUTS[layout]().items()}
    path = write_folder(tmp_path / "set", files)
    if layout == "voc":  # has no such escape
        assert "validation/{\\ud800}/JPEGImages/other.jpg" in members(path)
    else:
        with pytest.raises(DataError, match=r"ud800.*' has a character that is not valid UTF-8; correct it"):
            opened(path)


def test_many_labels_are_named_by_their_digest(tmp_path: Path) -> None:
    def classes(*names: str) -> set[str]:
        boxes = "".join(f"<object><name>{name}</name></object>" for name in names)
        files = {"JPEGImages/a.jpg": picture(1), "Annotations/a.xml": f"<annotation>{boxes}</annotation>".encode()}
        return {name.split("/")[0] for name in members(write_folder(tmp_path / "set", files), "source")}

    names = [f"label number {number}" for number in range(40)]
    (one,), (same,), (other,) = classes(*names), classes(*names[::-1], names[3]), classes(*names[1:], "x")
    assert one == same != other
    assert one.startswith("{40 labels, ")
