"""Training rows with and without the twins of test rows, and what the difference tells.

Comparing raw with sanitized rows confounds two things: models may memorize twins, and the removed
rows are easier anyway. So models are also trained *without the twins*, and without equally many
random rows, and scored on the same unchanged test set: the difference is the effect of the twins.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.evaluation.scores import as_many_per_class
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import Control
from tasks.vocabulary.arrays import Labels, Mask, RowNumbers


def has_twin(twins: Place, threshold: int) -> Mask:
    """Return, for each row of a split, whether it has an exact twin, or a near one at the threshold, in the other."""
    table = tables.read(twins, ["exact", "percent"])
    mask: Mask = pc.or_(table["exact"], pc.greater_equal(table["percent"], threshold)).to_numpy()
    return mask


def arm(control: Control, labels: Labels, twins: Mask, seed: int) -> RowNumbers:
    """Return the rows of train that an arm of the comparison may use, in their order.

    >>> labels, twins = np.zeros(5, np.int64), np.array([True, False, False, True, False])
    >>> arm("without_twins", labels, twins, seed=0).tolist(), len(arm("without_random", labels, twins, seed=0))
    ([1, 2, 4], 3)
    """
    if control == "none":
        return np.arange(len(labels))
    return np.flatnonzero(~(twins if control == "without_twins" else as_many_per_class(labels, twins, seed)))


def clusters(ids: pa.Array, removed: pa.Table) -> RowNumbers:
    """Give each row the number of its group: rows with the same best twin share one."""
    twin_of = dict(zip(removed["id"].to_pylist(), removed["twin_id"].to_pylist(), strict=True))
    names = np.array([twin_of.get(name, name) for name in ids.to_pylist()], dtype=object)
    return np.unique(names, return_inverse=True)[1] if len(names) else np.empty(0, np.int64)
