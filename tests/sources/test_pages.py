"""The pages of a TIFF are images of their own in every form of a source, and other files stay as they are."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.classes.decoder import decode
from tasks.classes.png import UnreadableError
from tasks.records import Source
from tasks.sources.index import write_index
from tasks.sources.members import Members
from tasks.sources.opening import open_source
from tasks.sources.pages import MAX_PAGES, page_of, pages_of
from tasks.storage import tables
from tasks.storage.place import Place
from tests.build import saved, scene, write_folder, write_tar

PICTURES = [scene(40 + number, 30, seed=number) for number in range(3)]


def several(**options: object) -> bytes:
    """Return the pictures as pages of a TIFF; Pillow keeps notes in what it saved."""
    first, *others = (picture.copy() for picture in PICTURES)
    return saved(first, "TIFF", save_all=True, append_images=others, **options)


STACK = several()
MEMBERS = {
    "a/stack.tif": STACK,
    "a/one.tif": saved(PICTURES[0], "TIFF"),
    "a/own#2.tif": saved(PICTURES[1], "TIFF"),
    "a/b.png": saved(PICTURES[2], "PNG"),
}


def stack(pages: list[tuple[int, np.ndarray]], order: str) -> bytes:
    """Return gray pages, uint8 (height, width), as a TIFF; the number of each tells of what kind it is."""
    data = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    for number, (kind, gray) in enumerate(pages):
        height, width = gray.shape
        start = len(data) + 2 + 12 * 8 + 4
        last = number == len(pages) - 1
        fields = {254: kind, 256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: start, 279: gray.size}
        data += struct.pack(f"{order}H", len(fields))
        data += b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in fields.items())
        data += struct.pack(f"{order}I", 0 if last else start + gray.size) + gray.tobytes()
    return data


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def table(path: Path, members: dict[str, bytes]) -> Path:
    images = [{"bytes": data, "path": name.removeprefix("a/")} for name, data in members.items()]
    pq.write_table(pa.table({"image": images, "label": ["a"] * len(images)}), path)
    return path


FORMS: dict[str, Callable[[Path], Path]] = {
    "folder": lambda folder: write_folder(folder / "data", MEMBERS),
    "tar": lambda folder: write_tar(folder / "data.tar", MEMBERS),
    "zip": lambda folder: zipped(folder / "data.zip", MEMBERS),
    "Parquet": lambda folder: table(folder / "data.parquet", MEMBERS),
}


def read(path: Path, folder: Path) -> dict[str, bytes]:
    """Return the digests of the images of a source by name."""
    source = Source("source", path.name, str(path), None if path.is_dir() else 0, {})
    opened, target = open_source(source, Place.of(folder)), Place.of(folder) / "index.parquet"
    write_index(opened.members(), target, opened.root)
    rows = tables.read(target)
    assert rows["outcome"].null_count == len(rows)
    names = rows["member"].to_pylist()
    return {names[row]: decode(data, reduced=False).digest for row, data in Members(Place.of(path), {}).read(rows)}


def digest(image: Image.Image) -> bytes:
    return decode(saved(image, "PNG"), reduced=False).digest


@pytest.mark.parametrize("form", ["folder", "tar", "zip"])
def test_every_form_gives_the_pages_of_a_file_as_images(form: str, tmp_path: Path) -> None:
    found = read(FORMS[form](tmp_path), tmp_path)
    first, second, third = map(digest, PICTURES)
    pages = {"stack#1.tif": first, "stack#2.tif": second, "stack#3.tif": third}
    assert found == pages | {"one.tif": first, "own#2.tif": second, "b.png": third}


def test_rows_of_a_table_have_pages_too(tmp_path: Path) -> None:
    found = read(FORMS["Parquet"](tmp_path), tmp_path)
    assert len(found) == 6
    assert sorted(found.values()) == sorted(2 * [*map(digest, PICTURES)])


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}], ids=str)
def test_a_page_has_the_pixels_that_its_file_shows_there(options: dict[str, str]) -> None:
    data = several(**options)
    with Image.open(io.BytesIO(data)) as file:
        for number in range(3):
            file.seek(number)
            page = decode(page_of(data, f"x#{number + 1}.tif"), reduced=False)
            assert np.array_equal(np.asarray(page.image), np.asarray(file))


@pytest.mark.parametrize("order", ["<", ">"])
def test_smaller_copies_and_masks_of_a_page_are_no_pages(order: str) -> None:
    grays = [np.asarray(image.convert("L")) for image in PICTURES]
    data = stack([(0, grays[0]), (1, grays[0][::2]), (0, grays[1]), (4, grays[1]), (2, grays[2])], order)
    assert len(pages_of(data)) == 3
    for number, gray in enumerate(grays):
        assert np.array_equal(np.asarray(decode(page_of(data, f"x#{number + 1}.tif"), reduced=False).image), gray)
    assert pages_of(stack([(0, grays[0]), (1, grays[0][::2])], order)) == []


def test_a_chain_without_end_and_too_many_pages_stay_one_file() -> None:
    gray = np.asarray(PICTURES[0].convert("L"))
    data = stack([(0, gray), (0, gray)], "<")
    first, last = (end for _, end in pages_of(data))
    endless = data[:last] + struct.pack("<I", 8) + data[last + 4 :]
    many = stack([(0, gray[:1, :1])] * (MAX_PAGES + 1), "<")
    for found in (endless, many):
        assert pages_of(found) == []
        with pytest.raises(UnreadableError) as refusal:
            decode(page_of(found, "x#1.tif"), reduced=False)
        assert refusal.value.reason == "several_images"
    beyond = data[:first] + struct.pack("<I", len(data) + 9) + data[first + 4 :]
    assert pages_of(beyond) == []
    assert len(pages_of(stack([(0, gray[:1, :1])] * MAX_PAGES, "<"))) == MAX_PAGES


def test_a_file_that_is_not_named_like_an_image_and_one_named_like_a_page_stay(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path / "data", {"a/scan.svs": STACK, "a/stack.tif": STACK, "a/stack#2.tif": MEMBERS["a/b.png"]}
    )
    source = Source("source", "data", str(folder), None, {})
    write_index(open_source(source, Place.of(tmp_path)).members(), Place.of(tmp_path) / "index.parquet")
    rows = [(row["member"], row["reason"]) for row in tables.read(Place.of(tmp_path) / "index.parquet").to_pylist()]
    both = ("stack#2.tif", "duplicate_member")
    assert sorted(rows, key=str) == [
        ("scan.svs", "not_image_name"),
        ("stack#1.tif", None),
        both,
        both,
        ("stack#3.tif", None),
    ]


def test_an_image_with_a_label_file_and_a_file_beside_a_set_stay_whole(tmp_path: Path) -> None:
    names = {"images/x.tif": STACK, "labels/x.txt": b"0 .5 .5 .1 .1", "images/y.png": MEMBERS["a/b.png"]}
    folder = write_folder(tmp_path / "data", names | {"labels/y.txt": b"", "more/z.tif": STACK})
    source = Source("source", "data", str(folder), None, {})
    entries = open_source(source, Place.of(tmp_path)).members().entries()
    assert [(entry.name.rpartition("/")[2], entry.kind) for entry in entries] == [
        ("x.tif", "file"),
        ("y.png", "file"),
        ("z.tif", "beside"),
    ]


@pytest.mark.parametrize("name", ["x#0.tif", "x#4.tif", "x.tif"])
def test_a_whole_file_that_is_named_like_a_page_stays_whole(name: str) -> None:
    assert page_of(STACK, name) == STACK
