"""Files of a source, read again where they lie, by the index, and verified against it."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from tasks.errors import DataError
from tasks.storage import disk
from tasks.storage.place import Place

DIGEST_BYTES = 16


def content_digest(data: bytes) -> bytes:
    """Return the digest by which a member is recognized when it is read again."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def read_members(source: Place, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Yield (row of the index, bytes), in the order in which the bytes lie in the source.

    Parameters
    ----------
    source : Place
        A plain tar, or the folder that holds the class folders.
    index : Table
        Rows of the index of the source; see `tasks.sources.index`.

    Raises
    ------
    DataError
        When a member is no longer what the index says.
    """
    if disk.is_folder(source):
        yield from _read_from_folder(source, index)
    else:
        yield from _read_from_archive(source, index)


def _read_from_folder(source: Place, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    paths = (f"{name}/{member}" for name, member in zip(*_columns(index, "class_name", "member"), strict=True))
    for row, (path, digest) in enumerate(zip(paths, *_columns(index, "digest"), strict=True)):
        try:
            data = disk.read_bytes(source / path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(source / path) from error
        yield row, _verified(data, digest, path, source)


def _read_from_archive(source: Place, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    names, members, offsets, sizes, digests = _columns(index, "class_name", "member", "offset", "size", "digest")
    try:
        file = disk.reading(source)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _gone(source) from error
    with file:
        for row in sorted(range(len(names)), key=offsets.__getitem__):
            file.seek(offsets[row])
            data = file.read(sizes[row])
            yield row, _verified(data, digests[row], f"{names[row]}/{members[row]}", source)


def _columns(index: pa.Table, *names: str) -> list[list[Any]]:
    return [index[name].to_pylist() for name in names]


def _verified(data: bytes, digest: bytes, name: str, source: Place) -> bytes:
    if content_digest(data) != digest:
        raise DataError(f"{name} of {source} has changed since it was indexed; do the run again.")
    return data


def _gone(place: Place) -> DataError:
    return DataError(f"{place} is gone; bring it back, or do the run again.")
