"""Read the usual headers of files in a tar, all in a window of the archive together.

`tarfile` reads the others. It takes ten times as long.
"""

import tarfile
from typing import NamedTuple

import numpy as np

from tasks.arrays import Bits, RowNumbers

HEADER = np.dtype(
    [
        ("name", "S100"), ("owner", "24u1"), ("size", "12u1"), ("time", "12u1"), ("checksum", "8u1"), ("type", "u1"),
        ("link", "S100"), ("magic", "72u1"), ("device", "16u1"), ("prefix", "S155"), ("rest", "12u1"),
    ]
)  # fmt: skip
BLOCK = HEADER.itemsize
DIGITS, ENDS = (np.isin(np.arange(256), list(some)) for some in (b"01234567", b"\0 "))


class Window(NamedTuple):
    """A part of an archive from the byte `start` on; `files` has name and size of a file by the start of its header."""

    start: int
    data: bytes
    files: dict[int, tuple[str, int]]

    @classmethod
    def of(cls, data: bytes, start: int) -> "Window":
        """Find the usual headers in a window; the content of a file may also have some, where no member starts."""
        blocks = np.frombuffer(data, HEADER, len(data) // BLOCK)
        at = np.flatnonzero(blocks["type"] == ord(tarfile.REGTYPE))
        headers = blocks[at]
        sizes, checksums = _octal(headers["size"], 1), _octal(headers["checksum"], 2)
        blank = headers["checksum"].sum(axis=1, dtype=np.int64) - 8 * ord(" ")  # it counts itself as blank
        sums = headers.view(np.uint8).reshape(-1, BLOCK).sum(axis=1, dtype=np.int64) - blank
        usual = (sums == checksums) & (sizes >= 0)
        for numbers in ("owner", "time", "device"):
            usual &= (DIGITS | ENDS)[headers[numbers]].all(axis=1)
        names, prefixes = headers["name"][usual].tolist(), headers["prefix"][usual].tolist()
        files = zip(map(_path, prefixes, names), sizes[usual].tolist(), strict=True)
        return cls(start, data, dict(zip((start + BLOCK * at[usual]).tolist(), files, strict=True)))

    def read(self, offset: int, size: int) -> bytes | None:
        """Return bytes of the archive, or None if the window does not contain all of them."""
        end = offset + size - self.start
        return self.data[offset - self.start : end] if end <= len(self.data) else None


def _octal(fields: Bits, ends: int) -> RowNumbers:
    """Return octal numbers, uint8 (n, width) with a few blanks or zero bytes at the end; -1 for other content."""
    digits, rest = fields[:, :-ends], fields[:, -ends:]
    numbers = (digits - np.int64(ord("0"))) @ 8 ** np.arange(digits.shape[1])[::-1]
    return np.where(DIGITS[digits].all(axis=1) & ENDS[rest].all(axis=1), numbers, -1)


def _path(*parts: bytes) -> str:
    """Return the path of two fields of a header, each text up to the first zero byte."""
    prefix, name = (part.partition(b"\0")[0].decode("utf-8", "surrogateescape") for part in parts)
    return f"{prefix}/{name}" if prefix else name
