"""Read members of a source again, where they lie: by the index, and verified against it."""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa

from tasks.errors import DataError

SUFFIXES = {  # of images, with the names that Pillow has for their formats
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF",
    ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip


def read_members(source: Path, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Yield (row of the index, bytes), in the order in which the bytes lie in the source.

    Raises
    ------
    DataError
        When a member is no longer what the index says.
    """
    names, offsets, sizes, digests = (index[c].to_pylist() for c in ("member", "offset", "size", "digest"))
    letters = index["letter"].to_pylist()
    is_folder = source.is_dir()
    descriptor = -1 if is_folder else _opened(source)
    try:
        for row in sorted(range(len(names)), key=offsets.__getitem__):
            if is_folder:
                data = _read(source / letters[row] / names[row])
            else:
                data = os.pread(descriptor, sizes[row], offsets[row])
            if blake2b(data, digest_size=len(digests[row])).digest() != digests[row]:
                raise DataError(f"{letters[row]}/{names[row]} of {source} is no longer what it was; do the run again.")
            yield row, data
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path} is gone; bring it back, or do the run again.") from error


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path} is gone; bring it back, or do the run again.") from error
