"""Read the headers of ordinary files of a tar many at a time: nearly all headers there are say the same in one way.

What a header may say otherwise, a long name, a size in base 256, a link, a checksum that does not fit, is left to
whoever reads it by itself; see `tasks.sources.archive`.
"""

import tarfile
from typing import NamedTuple

import numpy as np

from tasks.arrays import Bits, Mask, RowNumbers

BLOCK = tarfile.BLOCKSIZE
NAME, PREFIX, KIND = slice(100), slice(345, 500), 156
SIZE, SIZE_END, CHECKSUM, CHECKSUM_END = slice(124, 135), 135, slice(148, 154), slice(154, 156)
ENDS = b"\0 "  # of a number
KINDS = tarfile.REGTYPE + tarfile.AREGTYPE


class Files(NamedTuple):
    """Ordinary files one behind the other: names, where their contents start, sizes, and where what follows starts."""

    names: list[str]
    offsets: list[int]
    sizes: list[int]
    end: int


def ordinary_files(data: bytes) -> Files:
    """Return the files at the beginning of a piece of an archive, up to the first that is not ordinary.

    The contents of the last one may lie behind the piece.

    >>> ordinary_files(bytes(1024))
    Files(names=[], offsets=[], sizes=[], end=0)
    """
    if len(data) < BLOCK or data[KIND] not in KINDS:  # as in archives with an extended header for each member
        return Files([], [], [], 0)
    blocks = np.frombuffer(data, np.uint8, len(data) // BLOCK * BLOCK).reshape(-1, BLOCK)
    sizes, known = _octal(blocks[:, SIZE])
    known &= np.isin(blocks[:, SIZE_END], list(ENDS))
    places, end = _chain(np.where(known, 1 + -(-sizes // BLOCK), 0))
    headers = blocks[places]
    usual = np.append(_are_usual(headers), False)
    count = int(usual.argmin())
    end, places = [*places.tolist(), end][count], places[:count]
    return Files(_names(headers[:count]), ((places + 1) * BLOCK).tolist(), sizes[places].tolist(), end * BLOCK)


def _octal(fields: Bits) -> tuple[RowNumbers, Mask]:
    """Return what fields of octal digits say, and whether they hold nothing else."""
    digits = fields - np.uint8(ord("0"))  # what is less than "0" becomes large
    total = np.zeros(len(fields), np.int64)
    for column in digits.T:
        total = 8 * total + column
    return total, np.all(digits < 8, axis=1)


def _chain(steps: RowNumbers) -> tuple[RowNumbers, int]:
    """Follow steps from the first block on, up to one of 0; return the blocks that were met, and where they lead."""
    each, met, at = steps.tolist(), [], 0
    while at < len(each) and each[at]:
        met.append(at)
        at += each[at]
    return np.array(met, np.int64), at


def _are_usual(headers: Bits) -> Mask:
    """Return which blocks are headers of ordinary files with a name and the checksum that they state."""
    stated, usual = _octal(headers[:, CHECKSUM])
    own = headers[:, CHECKSUM.start : CHECKSUM_END.stop].sum(axis=1, dtype=np.int64)
    usual &= stated == headers.sum(axis=1, dtype=np.int64) - own + 8 * ord(" ")
    usual &= (headers[:, CHECKSUM_END] == list(ENDS)).all(axis=1) & np.isin(headers[:, KIND], list(KINDS))
    length, whole = _text(headers[:, NAME])
    usual &= whole & _text(headers[:, PREFIX])[1] & (length > 0)
    return usual & (headers[np.arange(len(headers)), length - 1] != ord("/"))


def _text(fields: Bits) -> tuple[RowNumbers, Mask]:
    """Return how long texts are, and whether nothing stands behind the zero that ends them."""
    there = fields != 0
    length = there.sum(axis=1)
    return length, (there == (np.arange(there.shape[1]) < length[:, None])).all(axis=1)


def _names(headers: Bits) -> list[str]:
    names, prefixes = _texts(headers[:, NAME]), _texts(headers[:, PREFIX])
    return [f"{prefix}/{name}" if prefix else name for prefix, name in zip(prefixes, names, strict=True)]


def _texts(fields: Bits) -> list[str]:
    texts = np.ascontiguousarray(fields).view(f"S{fields.shape[1]}").ravel().tolist()
    return b"\0".join(texts).decode("utf-8", "surrogateescape").split("\0") if texts else []
