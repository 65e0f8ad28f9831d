"""Files of a source, read again where they lie, by the index, and verified against it."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from hashlib import blake2b
from lzma import LZMAError
from typing import Any, BinaryIO

import pyarrow as pa

from tasks.errors import DataError
from tasks.storage import disk
from tasks.storage.place import Place
from tasks.storage.rows import open_rows
from tasks.vocabulary import UNLABELLED

DIGEST_BYTES = 16
ZIP_STARTS = b"PK\3\4", b"PK\5\6"  # of an archive with members, and of one without
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, OSError)


def content_digest(data: bytes) -> bytes:
    """Return the digest by which a member is recognized when it is read again."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def read_members(source: Place, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Yield (row of the index, bytes), in the order in which the bytes lie in the source.

    Parameters
    ----------
    source : Place
        A plain tar, a zip archive, a source of rows, or the folder that holds the class folders.
    index : Table
        Rows of the index of the source; see `tasks.sources.index`.

    Raises
    ------
    DataError
        When a member is no longer what the index says.
    """
    if rows := open_rows(source):
        yield from _in_order(source, index, lambda number, _size: rows.read(number) or b"")
    elif disk.is_folder(source):
        yield from _read_from_folder(source, index)
    else:
        try:
            with disk.reading(source) as file:
                read = _zip_reader(file) if is_zip(source) else _tar_reader(file)
                yield from _in_order(source, index, read)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(source) from error


def path_of(class_name: str, member: str) -> str:
    """Return the path of a member below the folder that holds the class folders."""
    return member if class_name == UNLABELLED else f"{class_name}/{member}"


def is_zip(place: Place) -> bool:
    """Say whether a file starts as a zip archive does."""
    with disk.reading(place) as file:
        return file.read(4) in ZIP_STARTS


def _read_from_folder(source: Place, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    paths = (path_of(name, member) for name, member in zip(*_columns(index, "class_name", "member"), strict=True))
    for row, (path, digest) in enumerate(zip(paths, *_columns(index, "digest"), strict=True)):
        try:
            data = disk.read_bytes(source / path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(source / path) from error
        yield row, _verified(data, digest, path, source)


def _in_order(source: Place, index: pa.Table, read: Callable[[int, int], bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield members in the order of their offsets; `read` takes offset and size."""
    names, members, offsets, sizes, digests = _columns(index, "class_name", "member", "offset", "size", "digest")
    for row in sorted(range(len(names)), key=offsets.__getitem__):
        yield row, _verified(read(offsets[row], sizes[row]), digests[row], f"{names[row]}/{members[row]}", source)


def _tar_reader(file: BinaryIO) -> Callable[[int, int], bytes]:
    def read(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return read


def _zip_reader(file: BinaryIO) -> Callable[[int, int], bytes]:
    archive = zipfile.ZipFile(file)
    at = {member.header_offset: member for member in archive.infolist()}

    def read(offset: int, _size: int) -> bytes:
        member = at.get(offset)
        return (member and read_zipped(archive, member)) or b""  # which is not what the index says

    return read


def read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a member of a zip archive; None if they are damaged, or compressed in an unknown way."""
    try:
        return archive.read(member)
    except DAMAGED_ZIP as error:
        if getattr(error, "errno", None) is not None:
            raise  # of the device, not of what it holds
        return None


def _columns(index: pa.Table, *names: str) -> list[list[Any]]:
    return [index[name].to_pylist() for name in names]


def _verified(data: bytes, digest: bytes, name: str, source: Place) -> bytes:
    if content_digest(data) != digest:
        raise DataError(f"{name} of {source} has changed since it was indexed; do the run again.")
    return data


def _gone(place: Place) -> DataError:
    return DataError(f"{place} is gone; bring it back, or do the run again.")
