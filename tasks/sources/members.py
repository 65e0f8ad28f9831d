"""Read files of a source again in place, by the index, and verify them.

Images may also be rows, of tables, arrays, pickles or a manifest. Each form names its rows like files,
``split/class/name``, and gives their bytes as an image file has them, so other modules treat a table like a folder.
"""

import contextlib
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate, groupby
from typing import Any

import pyarrow as pa

from tasks.columns import Columns
from tasks.errors import DataError, UsageError
from tasks.sources.archive import content_digest, read_at
from tasks.sources.arrays import open_arrays, open_idx
from tasks.sources.cifar import open_cifar
from tasks.sources.manifest import open_manifest
from tasks.sources.numbered import Rows
from tasks.sources.pages import PAGE, page_of
from tasks.sources.saved import open_saved
from tasks.sources.tables import open_parquet
from tasks.sources.zips import is_zip, read_zipped
from tasks.storage import Place, at
from tasks.vocabulary import path_of

ReadBytes = Callable[[int, int], bytes]  # by offset and size


def open_rows(place: Place, columns: Columns) -> Rows | None:
    """Return the rows of a source; None if the source has another form.

    `columns` are the names of the columns of a table, unless they have usual names. Raises `DataError` for a damaged
    source or an unsupported shape, `UsageError` when a named column is missing.
    """
    if not at(place).expanded():
        return None
    for open_table in (open_parquet, open_saved, open_manifest):
        if rows := open_table(place, columns):
            return rows
    if columns and not at(place).is_folder():
        raise UsageError(f"{place} is not a table, so it has no columns; remove --columns.")
    for open_images in (open_idx, open_cifar, open_arrays):
        if rows := open_images(place):
            return rows
    return None


@contextlib.contextmanager
def opened_archive(archive: Place) -> Iterator[ReadBytes]:
    """Open a tar or zip archive to read its members; raises `DataError` when the archive is missing."""
    try:
        file = at(archive).reading()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _gone(archive) from error
    with file:
        if is_zip(archive):
            zipped = zipfile.ZipFile(file)
            members = {member.header_offset: member for member in zipped.infolist()}
            yield lambda offset, _size: read_zipped(zipped, members.get(offset)) or b""  # which matches no index
        else:
            yield partial(read_at, file)


class Members:
    """The files of a source: a plain tar, a zip archive, a pattern for several, rows, or a folder of classes."""

    def __init__(self, source: Place, columns: Columns) -> None:
        self.source, self.rows = source, open_rows(source, columns)
        self.in_folder = self.rows is None and at(source).is_folder()  # members are files

    def read(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        """Yield (row of the index, bytes), in the order of the bytes in the source.

        `index` has rows of the index of the source; see `tasks.sources.index`. Raises `DataError` when a member does
        not match it.
        """
        names, members, digests, offsets = _columns(index, "class_name", "member", "digest", "offset")
        found: Iterator[tuple[int, bytes]]
        if self.rows is not None:
            read = self.rows.read
            found = ((row, read(offsets[row]) or b"") for row in sorted(range(len(index)), key=offsets.__getitem__))
        elif self.in_folder:
            found = self._from_folder(index)
        else:
            found = self._from_archives(index)
        for row, data in found:
            if content_digest(data) != digests[row]:
                name, member = names[row], members[row]
                shown = path_of(name, member) if self.in_folder else f"{name}/{member}"
                raise DataError(f"{shown} of {self.source} has changed since it was indexed; do the run again.")
            yield row, page_of(data, members[row])

    def place_of(self, class_name: str, member: str) -> Place | None:
        """Return the place of a member that is a file; None in archives and rows, and for a page of a file."""
        path = path_of(class_name, member)
        return self.source / path if self.in_folder and self._file_of(path) == path else None

    def _file_of(self, path: str) -> str:
        """Return the path of the file of a member in a folder, which may be one of its pages."""
        file = PAGE.sub(r"\2", path)
        is_page = file != path and at(self.source / file).exists() and not at(self.source / path).exists()
        return file if is_page else path

    def _from_folder(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        names, members, sizes = _columns(index, "class_name", "member", "size")
        paths = [self._file_of(path_of(name, member)) for name, member in zip(names, members, strict=True)]
        for row, data in enumerate(at(self.source).contents(paths, max(sizes, default=0) + 1)):
            if isinstance(data, FileNotFoundError | NotADirectoryError | IsADirectoryError):
                raise _gone(self.source / paths[row]) from data
            if isinstance(data, OSError):
                raise data
            yield row, data

    def _from_archives(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        """Read archives like one long archive, with one open at a time."""
        archives = at(self.source).expanded() or [self.source]
        offsets, sizes = _columns(index, "offset", "size")
        try:
            starts = [0, *accumulate(at(archive).size() for archive in archives)]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(archives[0]) from error
        ordered = sorted(range(len(offsets)), key=offsets.__getitem__)
        for number, rows in groupby(ordered, lambda row: bisect_right(starts, offsets[row], 1, len(archives)) - 1):
            with opened_archive(archives[number]) as read:
                for row in rows:
                    yield row, read(offsets[row] - starts[number], sizes[row])


def _columns(index: pa.Table, *names: str) -> list[list[Any]]:
    return [index[name].to_pylist() for name in names]


def _gone(place: Place) -> DataError:
    return DataError(f"{place} is missing; restore it (`apply --move` may have moved it), or do the run again.")
