"""The interface of all forms of rows, and rows of arrays as image files."""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError
from tasks.storage import Place, at
from tasks.storage.foreign import FREE_ROWS, MAX_ROWS
from tasks.vocabulary import SPLIT_FOLDERS, UNLABELLED, SplitName, split_among

COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # of PNG, by channels
MAX_LABEL = 255  # characters
BYTES_PER_ROW = 16  # of an image, from `FREE_ROWS` of them on
ImageArray = NDArray[Any]  # (n, height, width[, channels])
Classes = Sequence[Any] | NDArray[Any] | None
SplitImages = tuple[str | None, ImageArray, Classes]  # split or None, images, and the class of each or None


@dataclass(frozen=True)
class Rows:
    """Rows of a source: their names, and a function that returns a row as the bytes of an image file.

    `read` returns None for a row without an image; it is cheapest in order. Names have no extension if only the bytes
    tell the format. `files` are the names of the files with the rows in their folder. `groups` are the user's groups of
    the rows, if any; `listed` is whether the source lists files by their paths. `notes`, after its name, are for the
    user; `group_column` is the column that has, or may have, groups.
    """

    names: list[str]
    read: Callable[[int], bytes | None]
    endings: bool = True
    files: frozenset[str] = frozenset()
    groups: list[str | None] | None = None
    listed: bool = False
    notes: tuple[str, ...] = ()
    group_column: str = ""


def own_file(folder: Place, name: str) -> Place:
    """Return a file of a folder of rows; raises `DataError` for a pipe, a device, and a link that leads out of it."""
    file = folder / name
    if "\0" in name or not at(file).is_inside(folder) or not at(file).is_file():
        raise DataError(f"{name!r} is not a file of {folder}: links that lead out are not followed; give {folder}/*.")
    return file


def row_name(split: str | None, class_name: str | None, name: str) -> str:
    """Return a file name for a row; raises `DataError` if it cannot be one.

    Class numbers may have become floats where one was missing.

    >>> row_name("train", "cat", "1.png"), row_name(None, None, "1.png"), row_name(None, "3.0", "1.png")
    ('train/cat/1.png', '(none)/1.png', '3/1.png')
    """
    class_name = re.sub(r"^(\d+)\.0$", r"\1", class_name) if class_name else None
    if class_name and len(class_name) > MAX_LABEL:
        raise DataError(f"{name} has a class of {len(class_name):,} characters; the limit is {MAX_LABEL}; shorten it.")
    if class_name in (".", ".."):
        raise DataError(f"{name} has the class {class_name!r}, which no folder can have; rename it.")
    row = "/".join(part for part in (split, (class_name or UNLABELLED).replace("/", "_"), name) if part)
    try:
        row.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise DataError(f"{row!r} has a character that is not valid UTF-8; correct it.") from error
    return row


def split_in(name: str) -> SplitName | None:
    """Return the split in the parts of a name, if any.

    >>> split_in("x_train"), split_in("data/test-00000-of-00002.parquet"), split_in("constrained")
    ('train', 'test', None)
    """
    return split_among(words_in(name))


def words_in(name: str) -> list[str]:
    """Return the runs of letters in a name, in lower case."""
    return "".join(c if c.isalpha() else " " for c in name.lower()).split()


def split_of(value: str | None, where: str) -> SplitName | None:
    """Return the split that a value in a table names, if any; raises `DataError` for an unknown word."""
    if value is None:
        return None
    if value.lower() not in SPLIT_FOLDERS:
        raise DataError(f"{where} has the split {value!r}; use {', '.join(SPLIT_FOLDERS)}, or --columns split=NAME.")
    return SPLIT_FOLDERS[value.lower()]


def of_arrays(parts: list[SplitImages], source: Place, files: Iterable[str] = ()) -> Rows:
    """Return the rows of arrays of images; `files` are the names of the arrays' files in their folder.

    Raises `DataError` when images are not uint8 with 1, 3 or 4 channels.
    """
    names: list[str] = []
    starts = [0]
    for split, images, classes in parts:
        _check(images, classes, source)
        width = len(str(len(images)))
        numbers = (f"{number:0{width}d}.png" for number in range(len(images)))
        plain = classes.ravel().tolist() if isinstance(classes, np.ndarray) else classes
        labels = [None] * len(images) if plain is None else [str(label) for label in plain]
        names += [row_name(split, label, number) for label, number in zip(labels, numbers, strict=True)]
        starts.append(len(names))

    def read(row: int) -> bytes:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return png_of(parts[part][1][row - starts[part]])

    return Rows(names, read, files=frozenset(files))


def png_of(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (height, width[, channels]), as an uncompressed PNG."""
    image = np.ascontiguousarray(image)
    height, width, *channels = image.shape
    colour = COLOUR_TYPES[channels[0] if channels else 1]
    rows = np.zeros((height, 1 + image.size // height), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 0)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _check(images: ImageArray, classes: Classes, source: Place) -> None:
    shape = images.shape
    if images.dtype != np.uint8:
        raise DataError(f"{source} has images of {images.dtype}; save them as uint8, from 0 to 255.")
    if images.ndim not in (3, 4) or (images.ndim == 4 and shape[3] not in COLOUR_TYPES) or 0 in shape[1:]:
        raise DataError(f"{source} has images of shape {shape}; save them as (n, height, width[, 1, 3 or 4]).")
    if len(images) > (most := min(MAX_ROWS, FREE_ROWS + images.nbytes // BYTES_PER_ROW)):
        raise DataError(f"{source} has {len(images):,} images, more than the {most:,} of this size that are read.")
    if classes is not None and len(classes) != len(images):
        raise DataError(f"{source} has {len(images):,} images and {len(classes):,} labels; the counts must match.")
