"""The table of groups: where each image of all sources is, with what, and in which fold."""

import numpy as np
import pyarrow as pa

from tasks.joined import RowNumbers
from tasks.splits.grouped import NOWHERE, Dealt, deal
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS, SplitName

FOLDING = 7  # of the seed: folds are drawn apart from splits


def write_groups(
    ids: pa.Array, groups: RowNumbers, labels: RowNumbers, dealt: Dealt, folds: int | None, seed: int, target: Place
) -> None:
    """Write id, ``split`` (null where an image is left over), ``group`` and, if asked for, ``fold``, from 0 on.

    Folds are dealt out over all images, whatever their split: each holds whole groups and has the classes of all.
    """
    names = pa.array([*SPLITS, None], pa.string())
    columns = {"id": ids, "split": names.take(pa.array(dealt.bin % (len(SPLITS) + 1))), "group": pa.array(groups)}
    if folds:
        each = [len(groups) // folds + (number < len(groups) % folds) for number in range(folds)]
        columns["fold"] = pa.array(deal(groups, labels, each, [seed, FOLDING]).bin)
    tables.write(pa.table(columns), target)


def rows_of(dealt: Dealt, seed: int) -> dict[SplitName, RowNumbers]:
    """Return the rows of each split in random order; see `tasks.splits.draw.draw`."""
    return {
        name: np.random.default_rng([seed, 2, number]).permutation(np.flatnonzero(dealt.bin == number))
        for number, name in enumerate(SPLITS)
    }


def shared_with_others(dealt: Dealt, groups: RowNumbers) -> int:
    """Count the test rows that have a row of their group in train or validation."""
    test = SPLITS.index("test")
    elsewhere = np.unique(groups[(dealt.bin != NOWHERE) & (dealt.bin != test)])
    return int(np.isin(groups[dealt.bin == test], elsewhere).sum())
