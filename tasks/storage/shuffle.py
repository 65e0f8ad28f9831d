"""Reorder the rows of many tables while holding one table in memory at a time."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np
import pyarrow as pa

from tasks.arrays import RowNumbers
from tasks.storage import Place, disk, tables

PLACE = "place"  # column with the position of a row in its piece


def deal_out(
    read: Callable[[int], pa.Table], counts: Sequence[int], pieces: Sequence[RowNumbers], folder: Place
) -> Callable[[int], pa.Table]:
    """Distribute rows of tables to files; return a function that reads a piece in its order and removes its file.

    `read` returns a table by its number; there is at least one, and all share a schema. `counts` are their rows.
    `pieces` are row numbers over all tables, int64 (n,), in output order. `folder` is new.
    """
    wanted = np.concatenate([np.empty(0, np.int64), *pieces])
    piece = np.repeat(np.arange(len(pieces)), [len(rows) for rows in pieces])
    place = np.concatenate([np.empty(0, np.int64), *(np.arange(len(rows)) for rows in pieces)])
    order = np.argsort(wanted, kind="stable")
    starts = np.cumsum([0, *counts])
    bounds = np.searchsorted(wanted, starts, sorter=order)
    disk.make_folder(folder)
    files = [folder / f"{number:05d}.arrow" for number in range(len(pieces))]
    with ExitStack() as stack:
        writers: list[pa.RecordBatchStreamWriter] = []
        for number in range(len(counts)):
            mine = order[bounds[number] : bounds[number + 1]]
            if number and not len(mine):
                continue  # the first table is always read, for the schema
            table = read(number)
            if not writers:
                schema = table.schema.append(pa.field(PLACE, pa.int64()))
                outputs = [stack.enter_context(tables.writing(file)) for file in files]
                writers = [stack.enter_context(pa.ipc.new_stream(out, schema)) for out in outputs]
            for number_of_piece in np.unique(piece[mine]).tolist():
                rows = mine[piece[mine] == number_of_piece]
                part = table.take(pa.array(wanted[rows] - starts[number])).append_column(PLACE, pa.array(place[rows]))
                writers[number_of_piece].write_table(part)
    return lambda number: _in_order(files[number])


def _in_order(file: Place) -> pa.Table:
    with tables.reading(file) as source:
        table = pa.ipc.open_stream(source).read_all()
    disk.remove(file)
    return table.drop_columns([PLACE]).take(pa.array(np.argsort(table[PLACE].to_numpy()))).combine_chunks()
