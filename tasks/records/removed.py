"""What removed.parquet says of a row: read by the stage that writes it and by those that score without it."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.vocabulary import Reason
from tasks.vocabulary.arrays import Mask


def is_removed(ids: pa.Array, removed: pa.Table, reasons: Sequence[Reason]) -> Mask:
    """Return, for each row, whether it was removed for one of these reasons."""
    gone = removed.filter(pc.is_in(removed["reason"], value_set=pa.array(reasons)))
    mask: Mask = pc.is_in(ids, value_set=gone["id"].combine_chunks()).to_numpy(zero_copy_only=False)
    return mask
