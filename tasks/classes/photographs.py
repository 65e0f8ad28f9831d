"""Read images of any size and format into small gray copies, and write down what a copy does not tell.

Originals stay where they are. ``photographs.parquet`` has a row per image, in the order in which they were read: id,
MD5 of its pixels, whether they are all equal, for a JPEG that was decoded reduced the digest of what they come from
(see `tasks.classes.identical`), mode, size, bytes, a thumbnail, and what its decoder complained of.
``copies.gray`` has, in the same order, the larger gray copies by which twins are decided; see `tasks.storage.copies`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.arrays import Gray, RowNumbers
from tasks.classes.formats import is_mislabelled
from tasks.classes.guard import guarded
from tasks.classes.png import UnreadableError
from tasks.records import Reading
from tasks.storage import disk, tables
from tasks.storage.place import Place

BATCH = 1024  # rows that are written at once: a few MB of thumbnails
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "md5": pa.binary(16),
        "constant": pa.bool_(),
        "coded": pa.binary(16),
        "mode": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "bytes": pa.int64(),
        "thumbnail": pa.binary(),
        "remark": pa.string(),
    }
)


def read_photographs(
    members: Iterable[tuple[int, bytes]], ids: Sequence[str], reading: Reading, target: Place, copies: Place
) -> tuple[RowNumbers, Gray, dict[int, UnreadableError], list[int], list[int]]:
    """Decode members one by one, given by their rows, of which all have `ids`; write the table and the file of copies.

    Returned is what `tasks.classes.glyphs.read_glyphs` returns, then the rows that have another format than their names
    say, and those of which decoders complained.
    """
    gray, decoded = np.empty((len(ids), reading.side, reading.side), np.uint8), np.zeros(len(ids), np.bool_)
    failures: dict[int, UnreadableError] = {}
    mislabelled: list[int] = []
    remarked: list[int] = []
    batch: list[dict[str, object]] = []
    with tables.writer(target, SCHEMA) as writer, disk.writing(copies) as larger, guarded() as guard:
        for row, data in members:
            try:
                image = guard.read(data, reading.side, name=ids[row])
            except UnreadableError as error:
                failures[row] = error
                continue
            decoded[row], gray[row] = True, image.gray
            if is_mislabelled(data, ids[row]):
                mislabelled.append(row)
            if image.remark:
                remarked.append(row)
            larger.write(image.copy.tobytes())
            batch.append(image._asdict() | {"id": ids[row], "md5": image.digest, "bytes": len(data)})
            if len(batch) == BATCH:
                _write(batch, writer)
        _write(batch, writer)
    accepted = np.flatnonzero(decoded)
    return accepted, gray[accepted], failures, mislabelled, remarked


def _write(batch: list[dict[str, object]], writer: pq.ParquetWriter) -> None:
    if batch:
        writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
        batch.clear()
