"""Read images of any size and format into small gray copies, and write down what a copy does not tell.

Originals stay where they are. ``photographs.parquet`` has a row per image, in the order in which they were read: id,
MD5 of its pixels, whether they are all equal, mode, size, bytes, and a thumbnail. ``copies.gray`` has, in the
same order, the larger gray copies by which twins are decided; see `tasks.storage.copies`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.classes.decoder import Decoded, decode, refusing
from tasks.classes.formats import is_mislabelled
from tasks.classes.png import UnreadableError
from tasks.records import Reading
from tasks.storage import disk, tables
from tasks.storage.copies import COPY_SIDE
from tasks.storage.place import Place
from tasks.vocabulary.arrays import Gray, RowNumbers

BATCH = 1024  # rows that are written at once: a few MB of thumbnails
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "md5": pa.binary(16),
        "constant": pa.bool_(),
        "mode": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "bytes": pa.int64(),
        "thumbnail": pa.binary(),
    }
)


def read_photographs(
    members: Iterable[tuple[int, bytes]], ids: Sequence[str], reading: Reading, target: Place, copies: Place
) -> tuple[RowNumbers, Gray, dict[int, UnreadableError], list[int]]:
    """Decode members one by one; returns the same as `tasks.classes.glyphs.read_glyphs`.

    Behind it come the rows that have another format than their names say.

    Parameters
    ----------
    members : iterable
        Rows of the index and the bytes of each.
    ids : sequence of str
        Of all rows of the index.
    reading : Reading
    target, copies : Place
        The table and the file of copies to write.
    """
    gray, decoded = np.empty((len(ids), reading.side, reading.side), np.uint8), np.zeros(len(ids), np.bool_)
    failures: dict[int, UnreadableError] = {}
    mislabelled: list[int] = []
    batch: list[tuple[object, ...]] = []
    with tables.writer(target, SCHEMA) as writer, disk.writing(copies) as larger:
        for row, data in members:
            try:
                with refusing():
                    image = decode(data, reading.scaled)
                    gray[row], copy = image.gray_copies(reading.side, COPY_SIDE)
                    constant = gray[row].min() == gray[row].max() and image.is_constant()
                    facts = _facts(ids[row], image, len(data), constant=constant)
            except UnreadableError as error:
                failures[row] = error
                continue
            decoded[row] = True
            if is_mislabelled(data, ids[row]):
                mislabelled.append(row)
            larger.write(copy.tobytes())
            batch.append(facts)
            if len(batch) == BATCH:
                _write(batch, writer)
        _write(batch, writer)
    accepted = np.flatnonzero(decoded)
    return accepted, gray[accepted], failures, mislabelled


def _facts(name: str, image: Decoded, length: int, *, constant: bool) -> tuple[object, ...]:
    size = image.image.mode, image.width, image.height
    return name, image.digest, constant, *size, length, image.thumbnail()


def _write(batch: list[tuple[object, ...]], writer: pq.ParquetWriter) -> None:
    if batch:
        columns = [pa.array(column, field.type) for column, field in zip(zip(*batch, strict=True), SCHEMA, strict=True)]
        writer.write_table(pa.table(columns, schema=SCHEMA))
        batch.clear()
