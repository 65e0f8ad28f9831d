"""Files of a source, read again where they lie, by the index, and verified against it."""

import contextlib
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from tasks.columns import Columns
from tasks.errors import DataError
from tasks.sources.forms import open_rows
from tasks.storage.archives import Archives, Read, gone
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.vocabulary import UNLABELLED

DIGEST_BYTES = 16


def content_digest(data: bytes) -> bytes:
    """Return the digest by which a member is recognized when it is read again."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


class Members:
    """The files of a source.

    Parameters
    ----------
    source : Place
        A plain tar, a zip archive, a pattern that names several, a source of rows, or a folder of class folders.
    columns : Columns
        Names of the columns of a table.
    """

    def __init__(self, source: Place, columns: Columns) -> None:
        self.source, self.rows = source, open_rows(source, columns)
        self.in_folder = self.rows is None and at(source).is_folder()  # as files of their own

    def read(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        """Yield (row of the index, bytes), in the order in which the bytes lie in the source.

        Parameters
        ----------
        index : Table
            Rows of the index of the source; see `tasks.sources.index`.

        Raises
        ------
        DataError
            When a member is no longer what the index says.
        """
        if self.rows is not None:
            rows = self.rows
            yield from self._in_order(index, lambda number, _size: rows.read(number) or b"")
        elif self.in_folder:
            yield from self._from_folder(index)
        else:
            with contextlib.closing(Archives(at(self.source).expanded() or [self.source])) as archives:
                yield from self._in_order(index, archives.read)

    def place_of(self, class_name: str, member: str) -> Place | None:
        """Return where a member lies as a file of its own, if it does."""
        return self.source / path_of(class_name, member) if self.in_folder else None

    def _from_folder(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        names, members, digests, sizes = _columns(index, "class_name", "member", "digest", "size")
        paths = [path_of(name, member) for name, member in zip(names, members, strict=True)]
        contents = at(self.source).contents(paths, max(sizes, default=0) + 1)
        for row, (path, digest, data) in enumerate(zip(paths, digests, contents, strict=True)):
            if isinstance(data, FileNotFoundError | NotADirectoryError):
                raise gone(self.source / path) from data
            if isinstance(data, OSError):
                raise data
            if content_digest(data) != digest:
                raise self._changed(path)
            yield row, data

    def _in_order(self, index: pa.Table, read: Read) -> Iterator[tuple[int, bytes]]:
        names, members, offsets, sizes, digests = _columns(index, "class_name", "member", "offset", "size", "digest")
        for row in sorted(range(len(names)), key=offsets.__getitem__):
            data = read(offsets[row], sizes[row])
            if content_digest(data) != digests[row]:
                raise self._changed(f"{names[row]}/{members[row]}")
            yield row, data

    def _changed(self, name: str) -> DataError:
        return DataError(f"{name} of {self.source} has changed since it was indexed; do the run again.")


def path_of(class_name: str, member: str) -> str:
    """Return the path of a member below the folder that holds the class folders."""
    return member if class_name == UNLABELLED else f"{class_name}/{member}"


def _columns(index: pa.Table, *names: str) -> list[list[Any]]:
    return [index[name].to_pylist() for name in names]
