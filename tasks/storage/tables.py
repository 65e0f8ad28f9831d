"""Read and write Parquet tables: zstd, with page checksums that are verified."""

import ctypes
import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.arrays import Bits, RowNumbers
from tasks.errors import DataError
from tasks.storage import Place, at, disk

PARQUET: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def reading(place: Place, *, mapped: bool = False) -> pa.NativeFile:
    """Open a file for pyarrow to read, or map it into memory; files of others in a bucket are read in parts."""
    if place.in_bucket and not place.published:
        return pa.PythonFile(at(place).reading(), "r")
    path = str(at(place).local())
    return pa.memory_map(path, "r") if mapped else pa.OSFile(path, "rb")


def writing(place: Place) -> pa.NativeFile:
    """Open a file of this machine for pyarrow to write."""
    return pa.OSFile(str(disk.path_of(place)), "wb")


def write(table: pa.Table, target: Place, **options: Any) -> None:
    """Write a table; the same rows give the same bytes, regardless of their chunks."""
    with writing(target) as out:
        pq.write_table(table.combine_chunks(), out, **PARQUET, **options)


@contextmanager
def writer(target: Place, schema: pa.Schema, **options: Any) -> Iterator[pq.ParquetWriter]:
    """Open a file for writing it in pieces."""
    with writing(target) as out, pq.ParquetWriter(out, schema, **PARQUET | options) as parts:
        yield parts


def read(place: Place, columns: Sequence[str] | None = None, filters: Any = None) -> pa.Table:
    """Read a table, or some of its columns and rows.

    Raises `DataError` when the file is damaged or missing, `StorageError` when the device fails.
    """
    with _named_when_damaged(place), reading(place) as file:
        return pq.read_table(file, columns=columns and list(columns), filters=filters, page_checksum_verification=True)


def read_rows(place: Place, first: int, count: int) -> pa.Table:
    """Read consecutive rows of a table and only their row groups; raises what `read` raises."""
    return take_rows(place, np.arange(first, first + count))


def take_rows(place: Place, rows: RowNumbers, columns: Sequence[str] | None = None) -> pa.Table:
    """Read some rows of a table, in the manner of `taken`; raises what `read` raises."""
    with opened(place) as file:
        return pa.concat_tables(taken(file, rows, columns))


def taken(file: pq.ParquetFile, rows: RowNumbers, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Read rows by ascending number, int64 (n,), from an open table: an empty table, then one per row group."""
    empty, first = file.schema_arrow.empty_table(), 0
    yield empty if columns is None else empty.select(list(columns))
    for group in range(file.num_row_groups):
        end = first + file.metadata.row_group(group).num_rows
        here = rows[np.searchsorted(rows, first) : np.searchsorted(rows, end)]
        if len(here):
            yield file.read_row_group(group, columns).take(pa.array(here - first))
        first = end


def count(place: Place) -> int:
    """Return the number of rows of a table from its footer; raises what `read` raises."""
    with opened(place) as file:
        return file.metadata.num_rows


def binary(rows: Bits) -> pa.Array:
    """Return rows of bytes, uint8 (n, width), as fixed-size binary values."""
    rows = np.ascontiguousarray(rows)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(rows.shape[1]), len(rows), [None, pa.py_buffer(rows)])


def bytes_of(column: pa.ChunkedArray) -> Bits:
    """Return fixed-size binary values as uint8 (n, width), the inverse of `binary`."""
    array = column.combine_chunks()
    width = array.type.byte_width
    start = array.offset * width
    return np.frombuffer(array.buffers()[1], np.uint8)[start : start + len(array) * width].reshape(-1, width)


def release_memory() -> None:
    """Return the memory of tables that are no longer used; Arrow and glibc keep hundreds of megabytes."""
    pa.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def harmless(table: pa.Table) -> pa.Table:
    """Return a table for a CSV file: an apostrophe precedes text that spreadsheets would run as a formula."""
    for number, column in enumerate(table.schema):
        if pa.types.is_string(column.type):
            text = pc.replace_substring_regex(table[number], r"^([=+\-@\t\r])", r"'\1")
            table = table.set_column(number, column, text)
    return table


@contextmanager
def opened(place: Place) -> Iterator[pq.ParquetFile]:
    """Open a file for reading it in row groups; raises what `read` raises."""
    with (
        _named_when_damaged(place),
        reading(place) as source,
        pq.ParquetFile(source, page_checksum_verification=True) as file,
    ):
        yield file


@contextmanager
def _named_when_damaged(
    place: Place, says: str = "is damaged or gone; do the run again, which rebuilds it."
) -> Iterator[None]:
    """Turn an error of reading into a `DataError` that names the file; the next run rebuilds the stage."""
    try:
        with disk.storage_errors(place):
            yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise
        why = str(error).partition("\n")[0]
        raise DataError(f"{place} {says.format(why=why)}") from error


foreign = partial(
    _named_when_damaged, says="is unreadable Parquet ({why}); restore or replace it."
)  # for files of sources
