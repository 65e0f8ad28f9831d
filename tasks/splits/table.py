"""The table of groups: where each image of all sources is, with what, and in which fold."""

import numpy as np
import pyarrow as pa

from tasks.joined import RowNumbers
from tasks.splits.grouped import NOWHERE, deal
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS, SplitName

FOLDING = 7  # of the seed: folds are drawn apart from splits


def write_groups(
    ids: pa.Array, groups: RowNumbers, labels: RowNumbers, bins: RowNumbers, folds: int | None, seed: int, target: Place
) -> None:
    """Write id, ``split`` (null where an image is left over), ``group`` and, if asked for, ``fold``, from 0 on.

    Folds are dealt out over all images, whatever their split: each holds whole groups and has the classes of all.
    """
    names = pa.array([*SPLITS, None], pa.string())
    columns = {"id": ids, "split": names.take(pa.array(bins % (len(SPLITS) + 1))), "group": pa.array(groups)}
    if folds:
        each = [len(groups) // folds + (number < len(groups) % folds) for number in range(folds)]
        columns["fold"] = pa.array(deal(groups, labels, each, [seed, FOLDING]))
    tables.write(pa.table(columns), target)


def rows_of(bins: RowNumbers, seed: int) -> dict[SplitName, RowNumbers]:
    """Return the rows of each split in random order; see `tasks.splits.draw.draw`."""
    return {
        name: np.random.default_rng([seed, 2, number]).permutation(np.flatnonzero(bins == number))
        for number, name in enumerate(SPLITS)
    }


def shared_with_others(bins: RowNumbers, groups: RowNumbers) -> int:
    """Count the test rows that have a row of their group in train or validation."""
    test = SPLITS.index("test")
    elsewhere = np.unique(groups[(bins != NOWHERE) & (bins != test)])
    return int(np.isin(groups[bins == test], elsewhere).sum())
