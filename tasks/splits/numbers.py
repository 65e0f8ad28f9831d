"""Where the rows of a drawn split come from, so that what is known of an image is found without comparing ids.

The table has a row per row of the split: ``row``, its number among the rows of all shards, one shard behind the other,
and ``rank``, its place in the order of ids.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.arrays import RowNumbers
from tasks.records import Shard
from tasks.splits.draw import class_ranges
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SplitName


def write_numbers(shards: Sequence[Shard], name: SplitName, rows: RowNumbers, target: Place) -> str:
    """Write the table of a split into a folder and return its name there."""
    file = f"{name}-numbers.parquet"
    columns = {"row": pa.array(rows, pa.int64()), "rank": pa.array(ranks_of(shards, rows))}
    tables.write(pa.table(columns), target / file, use_dictionary=False)
    return file


def ranks_of(shards: Sequence[Shard], rows: RowNumbers) -> RowNumbers:
    """Return the place of each row in the order of their ids, int64 (n,), without looking at these.

    Images of a class of a source lie in the order of their ids, which begin with both. So it remains to put the classes
    in order, by names that end where those of other classes go on: ``A b`` comes before ``A``, as ``A b/`` before
    ``A/``.
    """
    ranges = class_ranges(shards)
    order = sorted(range(len(ranges)), key=lambda at: f"{ranges[at].role}/{ranges[at].class_name}/".encode())
    shift = np.zeros(len(ranges), np.int64)  # from the number of a row to its place in the order of all ids
    before = 0
    for at in order:
        shift[at] = before - ranges[at].first
        before += ranges[at].rows
    place = rows + shift[np.searchsorted([one.first for one in ranges], rows, side="right") - 1]
    ranks = np.empty(len(rows), np.int64)
    ranks[np.argsort(place)] = np.arange(len(rows))
    return ranks
