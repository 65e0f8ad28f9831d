"""Parquet as every stage writes and reads it: zstd, with page checksums that are written and verified."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import DataError
from tasks.store import storage_errors

PARQUET: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}


def write(table: pa.Table, target: Path, **options: Any) -> None:
    """Write a table; the same rows give the same bytes, however they were put together."""
    pq.write_table(table.combine_chunks(), target, **PARQUET, **options)


def read(path: Path, columns: Sequence[str] | None = None, filters: Any = None) -> pa.Table:
    """Read a table, or some of its columns and rows.

    Raises
    ------
    DataError
        When the file is damaged or gone.
    StorageError
        When the device does not give it.
    """
    with named_when_damaged(path):
        columns = None if columns is None else list(columns)
        return pq.read_table(path, columns=columns, filters=filters, page_checksum_verification=True)


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file to read it a row group at a time; raises what `read` raises."""
    with named_when_damaged(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        yield file


@contextmanager
def named_when_damaged(path: Path) -> Iterator[None]:
    """Say which file can't be read, and what to do; a stage whose file is damaged is rebuilt by the next run."""
    try:
        with storage_errors(path):
            yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise
        raise DataError(f"{path} is damaged or gone; the same command, started again, rebuilds it.") from error
