"""Read images of any size and format into small gray copies, and write the facts that a copy lacks.

Originals stay in place. ``photographs.parquet`` has one row per image, in the order of reading. ``copies.gray`` has, in
the same order, larger gray copies for deciding duplicates; see `tasks.storage.copies`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.arrays import Gray, RowNumbers
from tasks.classes.decoder import Photograph
from tasks.classes.formats import is_mislabelled
from tasks.classes.guard import guarded
from tasks.classes.png import UnreadableError
from tasks.records import Reading
from tasks.storage import Place, disk, tables
from tasks.storage.started import advance

STEPS = 16  # images between two steps of the progress bar
BATCH = 1024  # rows to write at once: a few MB of thumbnails and copies
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "md5": pa.binary(16),  # of the pixels
        "constant": pa.bool_(),  # whether all pixels are equal
        "coded": pa.binary(16),  # as in `tasks.classes.decoder.Photograph`
        "mode": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "bytes": pa.int64(),
        "taken": pa.string(),  # camera and minute
        "patient": pa.string(),  # of DICOM
        "series": pa.string(),
        "thumbnail": pa.binary(),
        "colours": pa.binary(128),  # see `tasks.registration.colours`
        "remark": pa.string(),  # warnings of its decoder
    }
)


def read_photographs(
    members: Iterable[tuple[int, bytes]], ids: Sequence[str], reading: Reading, target: Place, copies: Place
) -> tuple[RowNumbers, Gray, dict[int, UnreadableError], list[int], list[int]]:
    """Decode members one by one, given by their rows and all `ids`; write the table and the file of copies.

    Returns the result of `tasks.classes.glyphs.read_glyphs`, then the rows whose format differs from their names, and
    the rows with warnings of decoders.
    """
    gray, decoded = np.empty((len(ids), reading.side, reading.side), np.uint8), np.zeros(len(ids), np.bool_)
    failures: dict[int, UnreadableError] = {}
    mislabelled: list[int] = []
    remarked: list[int] = []
    batch: list[tuple[Any, ...]] = []
    with tables.writer(target, SCHEMA) as writer, disk.writing(copies) as larger, guarded() as guard:
        for number, (row, data) in enumerate(members, 1):
            if number % STEPS == 0:
                advance(STEPS)
            try:
                image = guard.read(data, reading.side, name=ids[row])
            except UnreadableError as error:
                failures[row] = error
                continue
            decoded[row], gray[row] = True, np.frombuffer(image.gray, np.uint8).reshape(gray.shape[1:])
            if is_mislabelled(data, ids[row]):
                mislabelled.append(row)
            if image.remark:
                remarked.append(row)
            batch.append((*image, ids[row], len(data)))
            if len(batch) == BATCH:
                _write(batch, writer, larger)
        _write(batch, writer, larger)
        advance(len(ids) % STEPS)
    accepted = np.flatnonzero(decoded)
    return accepted, gray[accepted], failures, mislabelled, remarked


def _write(batch: list[tuple[Any, ...]], writer: pq.ParquetWriter, copies: BinaryIO) -> None:
    if batch:
        columns = dict(zip((*Photograph._fields, "id", "bytes"), zip(*batch, strict=True), strict=True))
        writer.write_table(pa.Table.from_pydict({"md5": columns["digest"], **columns}, SCHEMA))
        copies.write(b"".join(columns["copy"]))
        batch.clear()
