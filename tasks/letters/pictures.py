"""Read pictures of any size and format into small gray copies, and write down what a copy does not tell.

Originals stay where they are. ``pictures.parquet`` has a row per picture, in the order in which they were read: id, MD5
of its pixels, whether they are all equal, mode and size, and a thumbnail to look at.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tasks import tables
from tasks.letters.picture import Picture, decode
from tasks.letters.png import UnreadableError
from tasks.records import Reading

BATCH = 1024  # rows that are written at once: a few MB of thumbnails
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "md5": pa.binary(16),
        "constant": pa.bool_(),
        "mode": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "thumbnail": pa.binary(),
    }
)


def read_pictures(
    members: Iterable[tuple[int, bytes]], ids: Sequence[str], reading: Reading, target: Path
) -> tuple[NDArray[np.int64], NDArray[np.uint8], dict[int, UnreadableError]]:
    """Decode members one by one; what is returned is as of `tasks.letters.shard.decode_members`.

    Parameters
    ----------
    members : iterable
        Rows of the index and the bytes of each.
    ids : sequence of str
        Of all rows of the index.
    reading : Reading
    target : Path
        The table to write.
    """
    gray, decoded = np.empty((len(ids), reading.side, reading.side), np.uint8), np.zeros(len(ids), np.bool_)
    failures: dict[int, UnreadableError] = {}
    batch: list[tuple[object, ...]] = []
    with pq.ParquetWriter(target, SCHEMA, **tables.PARQUET) as writer:
        for row, data in members:
            try:
                picture = decode(data, ids[row], reading.scaled)
            except UnreadableError as error:
                failures[row] = error
                continue
            gray[row], decoded[row] = picture.gray_copy(reading.side), True
            constant = gray[row].min() == gray[row].max() and picture.is_constant()
            batch.append(_facts(ids[row], picture, constant=constant))
            if len(batch) == BATCH:
                _write(batch, writer)
        _write(batch, writer)
    accepted = np.flatnonzero(decoded)
    return accepted, gray[accepted], failures


def _facts(name: str, picture: Picture, *, constant: bool) -> tuple[object, ...]:
    size = picture.image.mode, picture.width, picture.height
    return name, picture.digest, constant, *size, picture.thumbnail()


def _write(batch: list[tuple[object, ...]], writer: pq.ParquetWriter) -> None:
    if batch:
        columns = [pa.array(column, field.type) for column, field in zip(zip(*batch, strict=True), SCHEMA, strict=True)]
        writer.write_table(pa.table(columns, schema=SCHEMA))
        batch.clear()
