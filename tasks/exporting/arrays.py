"""Write splits as .npz or as a pickle for Python 2 and 3, without a whole array in memory.

`pickle` writes the small objects; this module writes the opcodes around the bytes of an array. Protocol 2 lacks bytes:
like Python 3, we write text and let the reader encode it. See pickletools in the standard library.
"""

import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from tasks.arrays import AnyArray
from tasks.classes.decoder import decode
from tasks.errors import UsageError
from tasks.exporting.originals import Originals
from tasks.storage import Place
from tasks.storage.image_files import iterate_images, read_labels, shape_of
from tasks.storage.images import normalize
from tasks.vocabulary import Format, SplitName

Files = dict[SplitName, list[Place]]
SHORT: dict[SplitName, str] = {"train": "train", "validation": "valid", "test": "test"}  # names in the course
MOST_TEXT = 2**32 - 1  # bytes of a text in protocol 2
PROTOCOL = 2
RECONSTRUCT = b"numpy.core.multiarray\n_reconstruct\n"  # every version of numpy has it there


@dataclass(frozen=True)
class Column:
    """An array that may exceed memory: its shape, its type, and its pieces."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pieces: Callable[[], Iterator[AnyArray]]

    @property
    def nbytes(self) -> int:
        """Bytes of the array."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


def columns_of(files: Files, originals: Originals) -> dict[str, Column]:
    """Return the images and the labels of each split, under the course's names.

    Labels are int32 (n,). Glyphs are float32 (n, side, side) in [-0.5, 0.5]. Photographs are decoded as uint8
    (n, height, width) or (n, height, width, 3); raises `UsageError` if their sizes differ.
    """
    columns = {}
    for split, places in files.items():
        rows, side = shape_of(places)
        are_glyphs = originals.index is None
        shape, kind = ((side, side), np.float32) if are_glyphs else (originals.shape, np.uint8)
        images = Column((rows, *shape), np.dtype(kind), partial(_images, places, originals))
        columns[f"{SHORT[split]}_dataset"] = images
        columns[f"{SHORT[split]}_labels"] = Column((rows,), np.dtype(np.int32), partial(_labels, places))
    return columns


def write_npz(columns: dict[str, Column], out: BinaryIO) -> None:
    """Write arrays as .npz; `numpy.load` reads them without pickle."""
    with zipfile.ZipFile(out, "w") as archive:
        for key, column in columns.items():
            entry = zipfile.ZipInfo(f"{key}.npy")  # with a fixed date, so that equal rows give equal bytes
            with archive.open(entry, "w", force_zip64=True) as member:
                header = {"descr": column.dtype.str, "fortran_order": False, "shape": column.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for piece in column.pieces():
                    member.write(piece.tobytes())


def write_pickle(arrays: Mapping[str, Column], out: BinaryIO) -> None:
    """Write a dict of arrays; raises `UsageError` if an array is too large for protocol 2."""
    out.write(pickle.PROTO + bytes([PROTOCOL]) + pickle.EMPTY_DICT + pickle.MARK)
    for name, array in arrays.items():
        out.write(_pickled(name))
        _write_array(array, out)
    out.write(pickle.SETITEMS + pickle.STOP)


ARRAYS: dict[Format, tuple[str, Callable[[dict[str, Column], BinaryIO], None]]] = {
    "course": ("pickle", write_pickle),
    "npz": ("npz", write_npz),
}


def _images(places: list[Place], originals: Originals) -> Iterator[AnyArray]:
    if originals.index is None:
        return (normalize(images.gray) for images in iterate_images(places))
    mode = "RGB" if len(originals.shape) == 3 else "L"
    return (np.asarray(decode(each.data, reduced=False).image.convert(mode)) for each in originals.read(places))


def _labels(places: list[Place]) -> Iterator[AnyArray]:
    yield read_labels(places).astype(np.int32)


def _write_array(array: Column, out: BinaryIO) -> None:
    """Write ``_reconstruct(ndarray, (0,), "b")`` and its state; the bytes are ``codecs.encode(text, "latin1")``."""
    made_from = _pickled(np.ndarray) + _pickled((0,)) + _pickled(b"b") + pickle.TUPLE3
    out.write(pickle.GLOBAL + RECONSTRUCT + made_from + pickle.REDUCE)
    out.write(pickle.MARK + _pickled(1) + _pickled(array.shape) + _pickled(array.dtype) + pickle.NEWFALSE)
    size = sum(piece.nbytes + int((np.frombuffer(piece.tobytes(), np.uint8) > 127).sum()) for piece in array.pieces())
    if size > MOST_TEXT:
        raise UsageError(f"an array of shape {array.shape} is too large for this pickle; use --format npz.")
    out.write(pickle.GLOBAL + b"_codecs\nencode\n" + pickle.BINUNICODE + struct.pack("<I", size))
    for piece in array.pieces():
        out.write(piece.tobytes().decode("latin1").encode("utf-8"))
    out.write(_pickled("latin1") + pickle.TUPLE2 + pickle.REDUCE)
    out.write(pickle.TUPLE + pickle.BUILD)


def _pickled(value: Any) -> bytes:
    """Return the opcodes of a small object, without the first and the last opcode of a pickle."""
    return pickle.dumps(value, PROTOCOL)[2:-1]
