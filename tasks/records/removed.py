"""The schema of removed.parquet, and functions on it that many stages share."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Mask
from tasks.vocabulary import Reason

REMOVED = pa.schema(
    dict.fromkeys(("id", "split", "class_name", "reason"), pa.string())
    | {"jaccard": pa.float64()}
    | dict.fromkeys(("twin_id", "twin_split", "twin_class_name"), pa.string())
    | {"judged": pa.bool_()}  # whether a person confirmed the duplicate
)


def is_removed(ids: pa.Array, removed: pa.Table, reasons: Sequence[Reason]) -> Mask:
    """Return, for each row, whether it was removed for one of these reasons."""
    gone = removed.filter(pc.is_in(removed["reason"], value_set=pa.array(reasons)))
    return pc.is_in(ids, value_set=gone["id"].combine_chunks()).to_numpy(zero_copy_only=False)


def each_pair_once(table: pa.Table) -> pa.Table:
    """Return the rows of a table without repetitions of a pair of images, in whichever order."""
    ends = [find(table["id"], table["twin_id"]) for find in (pc.min_element_wise, pc.max_element_wise)]
    pairs = pa.table([*ends, pa.array(range(len(table)), pa.int64())], names=["one", "other", "row"])
    return table.take(pairs.group_by(["one", "other"]).aggregate([("row", "min")])["row_min"].sort())
