"""Pickle large arrays in pieces, in the protocol that Python 2 and 3 both read.

Small objects are pickled by `pickle` itself; the opcodes around the bytes of an array are written here, so that no
array is ever whole in memory. Protocol 2 has no bytes: Python 3 writes them as text that is encoded on loading, and so
do we. The file contains only a dict, strings, and arrays made by numpy's own reconstruction. See pickletools in
the standard library.
"""

import pickle
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

from tasks.errors import UsageError
from tasks.vocabulary.arrays import AnyArray

MOST_TEXT = 2**32 - 1  # bytes of one text in protocol 2
PROTOCOL = 2
RECONSTRUCT = b"numpy.core.multiarray\n_reconstruct\n"  # where numpy has had it since long before version 2


class Streamed(Protocol):
    """An array that is given in pieces; see `tasks.exporting.export.Column`."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    def pieces(self) -> Iterator[AnyArray]: ...  # noqa: D102


def write_pickle(arrays: Mapping[str, Streamed], out: BinaryIO) -> None:
    """Write a dict of arrays.

    Raises
    ------
    UsageError
        When an array is too large for protocol 2.
    """
    out.write(pickle.PROTO + bytes([PROTOCOL]) + pickle.EMPTY_DICT + pickle.MARK)
    for name, array in arrays.items():
        out.write(_pickled(name))
        _write_array(array, out)
    out.write(pickle.SETITEMS + pickle.STOP)


def _write_array(array: Streamed, out: BinaryIO) -> None:
    """Write what makes numpy build an empty array and fill it: ``_reconstruct(ndarray, (0,), "b")`` and its state."""
    made_from = _pickled(np.ndarray) + _pickled((0,)) + _pickled(b"b") + pickle.TUPLE3
    out.write(pickle.GLOBAL + RECONSTRUCT + made_from + pickle.REDUCE)
    out.write(pickle.MARK + _pickled(1) + _pickled(array.shape) + _pickled(array.dtype) + pickle.NEWFALSE)
    _write_content(array, out)
    out.write(pickle.TUPLE + pickle.BUILD)


def _write_content(array: Streamed, out: BinaryIO) -> None:
    """Write the bytes of an array as ``codecs.encode(text, "latin1")``."""
    size = sum(piece.nbytes + int((piece.view(np.uint8) > 127).sum()) for piece in map(_flat, array.pieces()))
    if size > MOST_TEXT:
        raise UsageError(f"an array of shape {array.shape} is too large for this pickle; export as npz instead.")
    out.write(pickle.GLOBAL + b"_codecs\nencode\n" + pickle.BINUNICODE + struct.pack("<I", size))
    for piece in map(_flat, array.pieces()):
        out.write(piece.tobytes().decode("latin1").encode("utf-8"))
    out.write(_pickled("latin1") + pickle.TUPLE2 + pickle.REDUCE)


def _pickled(value: Any) -> bytes:
    """Return the opcodes of a small object, without those that begin and end a pickle."""
    return pickle.dumps(value, PROTOCOL)[2:-1]


def _flat(piece: AnyArray) -> AnyArray:
    return np.ascontiguousarray(piece).reshape(-1)
