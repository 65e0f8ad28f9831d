"""Images of detection sets have their set of labels as class, and damaged annotations are named."""

from pathlib import Path

import pytest

from tasks.errors import DataError
from tasks.records import Source
from tasks.sources.opening import Opened, open_source
from tasks.storage.place import Place
from tests.build import write_folder
from tests.sources.detection_sets import LABELS, LAYOUTS, SPLITS, picture, written


def opened(path: Path, role: str = "root") -> Opened:
    source = Source(role, path.name, str(path), None, 0, {})  # type: ignore[arg-type]  # some role
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
    assert {name: by_name[name][1] for name in LABELS} == LABELS
    assert (by_name["same"], by_name["other"]) == (["validation", "{cat, dog}"], ["validation", "{traffic light}"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_labels_are_another_set_and_other_boxes_are_not(tmp_path: Path, layout: str) -> None:
    path = written(tmp_path / "set", layout)
    before = opened(path).digest
    changes = {"yolo": (b"0.500", b"0.400")}[layout]
    for name, data in LAYOUTS[layout]().items():
        (path / name).write_bytes(data.replace(*changes))
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


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "set", "yolo")
    (path / "data.yaml").write_text("names: {0: cat}\n")
    assert {"train/{1, cat}/images/train/t00.jpg", "train/{1}/images/train/t01.jpg"} <= members(path).keys()
    (path / "data.yaml").unlink()
    assert {"train/{0, 1}/images/train/t00.jpg", "train/{1}/images/train/t01.jpg"} <= members(path).keys()


DAMAGE: dict[str, tuple[str, str, bytes, str]] = {  # layout, file, content, and part of the sentence
    "text for a number": ("yolo", "labels/train/t00.txt", b"cat 0.5 0.5 1 1", "invalid literal for int"),
    "no text": ("yolo", "labels/train/t00.txt", b"\xff\xfe0", "codec can't decode"),
    "aliases": ("yolo", "data.yaml", b"names: &a [x]\nb: [*a, *a]", "or has aliases"),
    "a deep list": ("yolo", "data.yaml", b"names: " + b"[" * 50_000, "deeply nested"),
    "an object of Python": ("yolo", "data.yaml", b"names: !!python/object/apply:os.abort []", "constructor"),
    "large labels": ("yolo", "labels/train/t00.txt", b"0\n" * (3 << 20), "more than 4,096 KiB"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_of_annotations_is_named(tmp_path: Path, damage: str) -> None:
    layout, name, content, said = DAMAGE[damage]
    path = written(tmp_path / "set", layout)
    (path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} is not a readable file of YOLO .*{said}.*; correct it"):
        opened(path)


def test_text_of_other_forms_leave_images_in_class_folders(tmp_path: Path) -> None:
    files = {f"{split}/labels/{n}.jpg": picture(n) for split in ("train", "test") for n in range(2)}
    texts = {"train/about.json": b'{"images": 5', "train/labels/1.txt": b"a caption", "config.yaml": b"a: *b"}
    found = members(write_folder(tmp_path / "set", files | texts))
    assert found.keys() == files.keys() | texts.keys()


def test_many_labels_are_named_by_their_digest(tmp_path: Path) -> None:
    def classes(*numbers: int) -> set[str]:
        lines = "".join(f"{number} 0.5 0.5 1 1\n" for number in numbers)
        names = "".join(f"- label number {number}\n" for number in range(50))
        files = {"images/a.jpg": picture(1), "labels/a.txt": lines.encode(), "set.yml": f"names:\n{names}".encode()}
        return {name.split("/")[0] for name in members(write_folder(tmp_path / "set", files), "source")}

    (one,), (same,), (other,) = classes(*range(40)), classes(*range(39, -1, -1), 3), classes(*range(1, 41))
    assert one == same != other
    assert one.startswith("{40 labels, ")
