"""Pickle large arrays in pieces, in the protocol that Python 2 and 3 both read.

Protocol 2 has no bytes: Python 3 writes them as text that is encoded on loading, and so do we. Nothing but a dict,
texts, and arrays made by numpy's own reconstruction is in the file. See pickletools in the standard library.
"""

import codecs
import pickle
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.errors import UsageError

MOST_TEXT = 2**32 - 1  # bytes of one text in protocol 2
PROTOCOL = 2


class Streamed(Protocol):
    """An array that is given in pieces; see `tasks.splits.export.Column`."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    def pieces(self) -> Iterator[NDArray[Any]]: ...  # noqa: D102


def write_pickle(arrays: Mapping[str, Streamed], out: BinaryIO) -> None:
    """Write a dict of arrays.

    Raises
    ------
    UsageError
        When an array is too large for protocol 2.
    """
    _Pickler(out, PROTOCOL).dump({name: _Array(array) for name, array in arrays.items()})


class _Array:
    """Stands for an array; pickled as numpy pickles one."""

    def __init__(self, array: Streamed) -> None:
        self.array = array

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        empty = np.empty(0, self.array.dtype).__reduce__()
        state = (1, self.array.shape, self.array.dtype, False, _Content(self.array))
        return empty[0], empty[1], state


class _Content:
    """Stands for the bytes of an array."""

    def __init__(self, array: Streamed) -> None:
        self.array = array

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return codecs.encode, (_Text(self.array), "latin1")


class _Text:
    """Stands for the bytes of an array as text, one character each."""

    def __init__(self, array: Streamed) -> None:
        self.array = array


_InPython: Any = pickle._Pickler  # noqa: SLF001  # the pickler that is written in Python can be extended


class _Pickler(_InPython):  # type: ignore[misc]
    dispatch: ClassVar[dict[type, Any]] = dict(_InPython.dispatch)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if getattr(obj, "__name__", "") == "_reconstruct":  # where numpy has it since long before version 2
            self.write(pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    def save_text(self, text: _Text) -> None:
        array = text.array
        size = sum(piece.nbytes + int((piece.view(np.uint8) > 127).sum()) for piece in map(_flat, array.pieces()))
        if size > MOST_TEXT:
            raise UsageError(f"an array of shape {array.shape} is too large for this pickle; export as npz instead.")
        self.write(pickle.BINUNICODE + struct.pack("<I", size))
        for piece in map(_flat, array.pieces()):
            self.write(piece.tobytes().decode("latin1").encode("utf-8"))
        self.memoize(text)

    dispatch[_Text] = save_text


def _flat(piece: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(piece).reshape(-1)
