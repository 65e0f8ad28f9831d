"""MNIST's IDX files: images, gzipped or not, with their labels in a neighbouring file; or a folder of such pairs."""

import gzip
import math
import zlib

import numpy as np
from numpy.typing import NDArray

from tasks.errors import DataError
from tasks.sources.numbered import Part, Rows, of_arrays, own_file, split_in
from tasks.storage import Place, at

START = b"\0\0\x08"  # of an IDX file of bytes; the number of dimensions follows
GZIP = b"\x1f\x8b"
MAX_BYTES, MAX_RATIO = 64 << 20, 200  # limit of the unpacked size: constant, and per byte of the file
TEST = "t10k"  # MNIST's name of test


def open_idx(place: Place) -> Rows | None:
    """Return the images of a file, or of a folder of files, as rows; None without a name of IDX images."""
    folder = at(place).is_folder()
    files = [place / name for name in _images_in(place)] if folder else [place]
    if not files or not _holds_images(files[0].last.lower()):
        return None
    parts: list[Part] = []
    for file in files:
        split = "test" if file.last.lower().startswith(TEST) else split_in(file.last)
        parts.append((split if folder else None, read_idx(file), _labels_of(file)))
    return of_arrays(parts, place, [name for file in files for name in (file.last, _beside(file).last)])


def read_idx(place: Place) -> NDArray[np.uint8]:
    """Return the array of an IDX file of bytes; raises `DataError` if its length does not match its shape."""
    own_file(place.parent, place.last)
    most = MAX_BYTES + MAX_RATIO * at(place).size()
    try:
        with at(place).reading() as raw:
            packed = raw.peek(2)[:2] == GZIP
            with gzip.GzipFile(fileobj=raw) if packed else raw as file:
                data = file.read(most + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{place} is damaged gzip ({error}); fetch it again.") from error
    if len(data) > most:
        raise DataError(f"{place} unpacks to more than {most:,} bytes; check where it comes from.")
    dimensions = data[3] if data[:3] == START and len(data) > 3 else 0
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(data[4:start], ">u4").tolist()) if dimensions and len(data) >= start else ()
    if not shape or math.prod(shape) != len(data) - start:
        raise DataError(f"{place} is not a complete IDX file of bytes: {len(data):,} bytes for the shape {shape}.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _images_in(folder: Place) -> list[str]:
    """Return the files of images; if one is both packed and unpacked, the unpacked one."""
    names = [name for name in at(folder).names() if _holds_images(name.lower())]
    return [name for name in names if name.removesuffix(".gz") == name or name.removesuffix(".gz") not in names]


def _holds_images(name: str) -> bool:
    return "-idx3" in name or "-idx4" in name


def _labels_of(images: Place) -> NDArray[np.uint8] | None:
    beside = _beside(images)
    return None if beside == images or not at(beside).exists() else read_idx(beside).ravel()


def _beside(images: Place) -> Place:
    return images.beside(images.last.replace("images-idx3", "labels-idx1").replace("images-idx4", "labels-idx1"))
