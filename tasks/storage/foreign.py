"""Untrusted tables, within limits: a small file can encode any number of rows, columns and large values."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import DataError
from tasks.storage import Place, at, tables

MAX_ROWS, MAX_COLUMNS = 50_000_000, 1000
FREE_ROWS, ROWS_PER_BYTE = 1_000_000, 2  # rows of any file, and additional ones per byte
MAX_TEXT = 1024  # bytes of a path, a label, a split or a group, on average over `ROWS`
ROWS = 64  # in memory at a time: a dictionary may encode many rows with one large value


@contextmanager
def open_parquet(place: Place, about: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; raises `DataError` when it is damaged, or its footer exceeds the limits.

    `about` is its footer, if it has been read and checked before.
    """
    if not at(place).is_file():
        raise DataError(f"{place} is not a file; name a Parquet file.")
    with tables.foreign(place), tables.reading(place) as opened:
        file = pq.ParquetFile(opened, metadata=about, page_checksum_verification=True)
        if about is None:
            groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            check(place, file.schema_arrow.names, groups)
        yield file


def check(place: Place, columns: Sequence[str], rows: Sequence[int]) -> None:
    """Refuse a table with too many rows, in groups, for its size, or too many columns or two of one name."""
    size = at(place).size()
    most = min(MAX_ROWS, FREE_ROWS + ROWS_PER_BYTE * size)
    if min(rows, default=0) < 0 or sum(rows) > most:
        raise DataError(f"{place} has {sum(rows):,} rows in {size:,} bytes; at most {most:,} are read; split it.")
    if len(columns) > MAX_COLUMNS or len(set(columns)) < len(columns):
        raise DataError(f"{place} has {len(columns):,} columns, or two with the same name; remove the unused ones.")


def refuse_lists(columns: Iterable[pa.Field], place: Place) -> None:
    """Refuse columns of lists or structs: a few bytes can encode any number of values."""
    for one in columns:
        if pa.types.is_nested(one.type):
            raise DataError(f"the column {one.name} of {place} is {str(one.type)[:60]}; name another with --columns.")


def refuse_long(arrays: Iterable[pa.Array], place: Place) -> None:
    """Refuse arrays of at most `ROWS` values whose texts are long, or not UTF-8."""
    for array in arrays:
        if array.nbytes > ROWS * MAX_TEXT:
            raise DataError(f"{place} has texts of more than {MAX_TEXT:,} bytes in a column; shorten them.")
        with tables.foreign(place):
            array.validate(full=True)


def read_columns(place: Place, names: Sequence[str], most: int) -> pa.Table:
    """Return some columns of a Parquet file, where it has them; raises `DataError`, also for more than `most` rows."""
    with open_parquet(place) as file:
        if file.metadata.num_rows > most:
            raise DataError(f"{place} has {file.metadata.num_rows:,} rows; at most {most:,} are read.")
        held, batches = [field for field in file.schema_arrow if field.name in names], list[pa.RecordBatch]()
        refuse_lists(held, place)
        for batch in file.iter_batches(ROWS, columns=[field.name for field in held]):
            refuse_long(batch.columns, place)
            batches.append(batch)
    return pa.Table.from_batches(batches, pa.schema(held))
