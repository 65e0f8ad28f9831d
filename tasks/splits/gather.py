"""Collect drawn rows from their shards, and write them as splits.

Each split has a table with the origin of its rows, so that fingerprints are found without comparing ids: ``row``
is the number of a row over all shards, ``rank`` its position in the order of ids.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.records import Shard
from tasks.records.conservation import conserve
from tasks.records.splits import RAW
from tasks.storage import Place, disk, tables
from tasks.storage.image_files import read_ids
from tasks.storage.images import Images, file_starts, of_table, write_split
from tasks.storage.shuffle import deal_out
from tasks.vocabulary import SPLITS, SplitName

DEALT = "dealt"


def write_splits(
    shards: Sequence[Shard], drawn: dict[SplitName, RowNumbers], classes: Sequence[str], workspace: Place, target: Place
) -> dict[str, Any]:
    """Read each shard once, and write every split with its rows in the given order.

    `drawn` has the rows of each split, numbered over all shards, int64 (n,), none twice. Returns for each split the
    facts that `tasks.storage.images.write_split` returns, and the name of the file of its ``numbers``.
    """
    names = pa.array(classes, pa.string())

    def labelled(number: int) -> pa.Table:
        table = tables.read(workspace / shards[number].images)
        labels = pc.index_in(table["class_name"], value_set=names).cast(pa.int64())
        return table.set_column(table.column_names.index("label"), "label", labels)

    starts = {name: file_starts(len(drawn[name])) for name in SPLITS}
    files = [(name, start) for name in SPLITS for start in starts[name]]
    piece = deal_out(
        labelled,
        [shard.rows for shard in shards],
        [drawn[name][start : start + starts[name].step] for name, start in files],
        target / DEALT,
    )
    conserve("draw splits", sum(map(len, drawn.values())), len(np.unique(np.concatenate([*drawn.values()]))))

    def piece_of(name: SplitName) -> Callable[[int, int], Images]:
        return lambda start, _stop: of_table(piece(files.index((name, start))))

    ids, written = read_ids(workspace / shard.images for shard in shards), dict[str, Any]()
    for name in SPLITS:
        written[name] = write_split(len(drawn[name]), piece_of(name), name, classes, target / RAW)
        conserve(f"draw {name}", len(drawn[name]), written[name]["rows"])
        written[name]["numbers"] = f"{name}-numbers.parquet"
        rows = pa.array(drawn[name], pa.int64())
        rank = pc.subtract(pc.rank(ids.take(rows), tiebreaker="first").cast(pa.int64()), 1)
        tables.write(pa.table({"row": rows, "rank": rank}), target / written[name]["numbers"], use_dictionary=False)
    disk.remove(target / DEALT)
    return written
