"""The schema of removed.parquet, and a function on it that several stages share."""

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
