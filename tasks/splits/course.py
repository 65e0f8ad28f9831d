"""Draw the splits as the notebook of the notMNIST course does, so that its published figures come out again.

One legacy generator serves all draws in the notebook's order: each class of `large` is shuffled and cut into
validation and train, then each class of `small`; then train, test and validation are permuted. The notebook's own
order of files is that of a directory listing; the published figures agree with names sorted without regard to case.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.splits.draw import ClassRange, Sizes
from tasks.vocabulary import SplitName

SEED = 133
PERMUTED: tuple[SplitName, ...] = ("train", "test", "validation")


def draw_as_course(ranges: Sequence[ClassRange], sizes: Sizes, ids: pa.Array) -> dict[SplitName, RowNumbers]:
    """Draw the rows of each split; see `tasks.splits.draw.draw`. The seed is the notebook's, 133.

    Parameters
    ----------
    ranges : sequence of ClassRange
    sizes : Sizes
    ids : Array
        Of the rows of all shards, whose order without case is the notebook's.
    """
    random = np.random.RandomState(SEED)  # the legacy generator is the point
    parts: dict[SplitName, list[RowNumbers]] = {name: [] for name in PERMUTED}
    for role in ("large", "small"):
        for one in ranges:
            if one.role != role:
                continue
            without_case = pc.array_sort_indices(pc.utf8_lower(ids.slice(one.first, one.rows)))
            rows = one.first + without_case.to_numpy().astype(np.int64)
            random.shuffle(rows)
            if role == "large":
                parts["validation"].append(rows[: sizes.validation])
                parts["train"].append(rows[sizes.validation : sizes.validation + sizes.train])
            else:
                parts["test"].append(rows[: sizes.test])
    joined = {name: np.concatenate(parts[name]) for name in PERMUTED}
    return {name: joined[name][random.permutation(len(joined[name]))] for name in PERMUTED}
