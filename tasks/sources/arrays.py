"""Arrays saved by numpy: .npy with only images, .npz with images and optionally labels and splits, by their names."""

import errno
import json
import zipfile
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.errors import CleanSplitError, DataError
from tasks.sources.numbered import Rows, of_arrays, split_in
from tasks.sources.packed import is_bomb
from tasks.storage import Place, at

LABELS = {"y", "label", "labels", "target", "targets", "classes"}
MAX_BYTES, MAX_ARRAYS = 16 << 30, 64  # of one array, and in one file


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
        raise DataError(_unnamed(place, list(images)))
    return of_arrays([(split_in(name), array, _labels(name, arrays)) for name, array in images.items()], place)


def _unnamed(place: Place, names: list[str]) -> str:
    """Return a sentence about arrays without a split in their names, with the command that names the first two."""
    pairs = f"x_train=found[{json.dumps(names[0])}], x_test=found[{json.dumps(names[1])}]"
    script = f'import numpy as np; found = np.load({json.dumps(str(place))}); np.savez("splits.npz", {pairs})'
    return (
        f"{place} has several arrays of images ({', '.join(names)}), whose names do not tell their splits; if they are "
        f"train and test in this order, run `python3 -c {quote(script)} && cleansplit audit splits.npz`."
    )


def _arrays_of(place: Place) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(at(place).local()) as archive:
        members = archive.infolist()
        unpacked = sum(info.file_size for info in members)
        if len(members) > MAX_ARRAYS or is_bomb(unpacked, at(place).size()):
            raise DataError(
                f"{place} has {len(members):,} arrays of {unpacked:,} bytes, too many; check where it is from."
            )
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
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array


def _labels(images: str, arrays: dict[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return the labels of the same split for an array of images, if the counts match."""
    for name, array in arrays.items():
        parts = set("".join(c if c.isalpha() else " " for c in name.lower()).split())
        if parts & LABELS and split_in(name) == split_in(images) and array.size == len(array):
            return array
    return None
