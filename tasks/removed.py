"""What removed.parquet says of a row: read by the stage that writes it and by those that score without it."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def is_removed(ids: pa.Array, removed: pa.Table, reasons: Sequence[str]) -> NDArray[np.bool_]:
    """Say of each row whether it is among the rows removed for these reasons."""
    gone = removed.filter(pc.is_in(removed["reason"], value_set=pa.array(reasons)))
    mask: NDArray[np.bool_] = pc.is_in(ids, value_set=gone["id"].combine_chunks()).to_numpy(zero_copy_only=False)
    return mask
