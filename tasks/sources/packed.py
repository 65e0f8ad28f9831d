"""Unpack compressed archives completely and within limits."""

import bz2
import hashlib
import lzma
from collections.abc import Callable
from typing import Any, BinaryIO

import pyarrow as pa
from isal import igzip
from isal.igzip_lib import IsalError

from tasks.errors import DataError
from tasks.storage import Place, at, disk

CHUNK = 1 << 20
MAX_BYTES = 64 << 30  # decompressed
MAX_RATIO, RATIO_MATTERS_FROM = 200, 64 << 20  # gzip reaches 1,028:1 on zeros, others more; images stay below 10:1
STARTS = {"gzip": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd"}  # of files
OPENED: dict[str, Callable[[BinaryIO], Any]] = {
    "gzip": igzip.open, "bz2": bz2.open, "xz": lzma.open,
    "zstd": lambda file: pa.CompressedInputStream(pa.PythonFile(file), "zstd"),
}  # fmt: skip


def packing_of(place: Place) -> str | None:
    """Return the compression of a file from its first bytes: gzip, bz2, xz or zstd, or None."""
    start = at(place).read_bytes(6)
    return next((name for name, own in STARTS.items() if start.startswith(own)), None)


def refuse_bomb(place: Place, unpacked: int, packed: int) -> None:
    """Raise `DataError` if the unpacked size is too large for images, absolutely or relative to the packed size."""
    if unpacked > MAX_BYTES or (unpacked > RATIO_MATTERS_FROM and unpacked > MAX_RATIO * packed):
        sizes = f"{unpacked:,} bytes or more from {packed:,}"
        raise DataError(f"{place} unpacks to {sizes}, too many for images; check where it comes from.")


def decompress(source: Place, target: Place, packing: str) -> str:
    """Write the tar inside a compressed file to a new file, verifying checksums; return its sha256 (hex).

    Raises `DataError` when the stream is damaged, truncated, followed by other data, or exceeds a limit.
    """
    compressed, written, digest = at(source).size(), 0, hashlib.sha256()
    try:
        with at(source).reading() as packed, OPENED[packing](packed) as stream, disk.writing(target) as out:
            while chunk := stream.read(CHUNK):
                written += len(chunk)
                refuse_bomb(source, written, compressed)
                out.write(chunk)
                digest.update(chunk)
    except (EOFError, OSError, IsalError, lzma.LZMAError) as error:  # type: ignore[misc]  # its stub says an instance
        if getattr(error, "errno", None) is not None:
            raise  # an error of the device, not of the content
        raise DataError(f"{source} is damaged {packing} ({error}); fetch it again.") from error
    return digest.hexdigest()
