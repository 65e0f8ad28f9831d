"""Arrays of images in files of numpy and of MNIST.

A .npy has only images, a .npz images and optionally labels and splits, by their names. An IDX file, gzipped or not, has
its labels in a neighbouring file; a folder may have several such pairs.
"""

import errno
import gzip
import math
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import CleanSplitError, DataError
from tasks.sources.numbered import Rows, SplitImages, of_arrays, own_file, split_in, words_in
from tasks.sources.packed import MAX_RATIO, RATIO_MATTERS_FROM, packing_of, refuse_bomb
from tasks.storage import Place, at

LABELS = {"y", "label", "labels", "target", "targets", "classes"}
MAX_BYTES, MAX_ARRAYS = 16 << 30, 64  # of one array, and in one file
IDX = b"\0\0\x08"  # start of an IDX file of bytes; the number of dimensions follows


def open_arrays(place: Place) -> Rows | None:
    """Return the images as rows; None for a file with another extension; raises `DataError`."""
    if not at(place).is_file() or not place.last.lower().endswith((".npy", ".npz")):
        return None
    try:
        if place.last.lower().endswith(".npy"):
            return of_arrays([(None, np.lib.format.open_memmap(at(place).local(), mode="r"), None)], place)
        arrays = _arrays_of(place)
    except CleanSplitError:
        raise
    except Exception as error:  # the header of an array is Python, and can raise anything
        if getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise  # an error of the device
        raise DataError(f"{place} does not contain readable arrays ({error or type(error).__name__}).") from error
    images = {name: array for name, array in arrays.items() if array.ndim >= 3}
    if not images:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise DataError(f"{place} contains {shapes or 'no arrays'}; save images as (n, height, width[, channels]).")
    splits = [split_in(name) for name in images]
    if len(set(splits)) < len(splits):
        raise DataError(f"{place} has several arrays of images ({', '.join(images)}); name them x_train and x_test.")
    return of_arrays([(split_in(name), array, _labels(name, arrays, place)) for name, array in images.items()], place)


def _arrays_of(place: Place) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(at(place).local()) as archive:
        members = archive.infolist()
        if len(members) > MAX_ARRAYS:
            raise DataError(f"{place} has {len(members):,} arrays, too many; check where it comes from.")
        refuse_bomb(place, sum(info.file_size for info in members), at(place).size())
        return {info.filename.removesuffix(".npy"): _array(archive, info, place) for info in members}


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place) -> NDArray[Any]:
    """Read one array, after checking that its size matches the file."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without end
        raise DataError(f"{place} has an array {info.filename} in a compression that numpy does not write.")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read_header(file)
        size = int(np.prod(shape, dtype=object)) * kind.itemsize
        if kind.hasobject or not kind.itemsize or size > MAX_BYTES or size != info.file_size - file.tell():
            raise DataError(f"{place} has an array {info.filename} of shape {shape} and {kind} that is not read.")
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _labels(images: str, arrays: dict[str, NDArray[Any]], place: Place) -> NDArray[Any] | None:
    """Return the labels of the same split for an array of images, if any; raises `DataError` for another shape."""
    for name, array in sorted(arrays.items(), key=lambda pair: pair[1].shape[1:] not in ((), (1,))):
        if LABELS.intersection(words_in(name)) and split_in(name) == split_in(images) and array.ndim in (1, 2):
            if array.size != len(array):
                raise DataError(f"{place} has labels {name} of shape {array.shape}; save one label per image, as (n,).")
            return array
    return None


def open_idx(place: Place) -> Rows | None:
    """Return the images of a file, or of a folder of files, as rows; None without a name of IDX images."""
    folder = at(place).is_folder()
    names = [name for name in at(place).names() if _holds_images(name.lower())] if folder else []
    unpacked = (name for name in names if name.removesuffix(".gz") == name or name.removesuffix(".gz") not in names)
    files = [place / name for name in unpacked] if folder else [place]
    if not files or not _holds_images(files[0].last.lower()):
        return None
    parts: list[SplitImages] = []
    for file in files:
        split = "test" if file.last.lower().startswith("t10k") else split_in(file.last)  # in MNIST
        labels = read_idx(beside).ravel() if (beside := _beside(file)) != file and at(beside).exists() else None
        parts.append((split if folder else None, read_idx(file), labels))
    return of_arrays(parts, place, [name for file in files for name in (file.last, _beside(file).last)])


def read_idx(place: Place) -> NDArray[np.uint8]:
    """Return the array of an IDX file of bytes; raises `DataError` if its length does not match its shape."""
    own_file(place.parent, place.last)
    most = RATIO_MATTERS_FROM + MAX_RATIO * at(place).size()
    try:
        packed = packing_of(place) == "gzip"
        with at(place).reading() as raw, gzip.GzipFile(fileobj=raw) if packed else raw as file:
            data = file.read(most + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{place} is damaged gzip ({error}); fetch it again.") from error
    if len(data) > most:
        raise DataError(f"{place} unpacks to more than {most:,} bytes; check where it comes from.")
    dimensions = data[3] if data[:3] == IDX and len(data) > 3 else 0
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(data[4:start], ">u4").tolist()) if dimensions and len(data) >= start else ()
    if not shape or math.prod(shape) != len(data) - start:
        raise DataError(f"{place} is not a complete IDX file of bytes: {len(data):,} bytes for the shape {shape}.")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _holds_images(name: str) -> bool:
    return "-idx3" in name or "-idx4" in name


def _beside(images: Place) -> Place:
    return images.parent / images.last.replace("images-idx3", "labels-idx1").replace("images-idx4", "labels-idx1")
