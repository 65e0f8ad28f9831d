"""Choose the rows of train for a training: with the duplicates of test rows, or without them.

Comparing raw with sanitized rows confounds two effects: models may memorize duplicates, and the removed rows may be
easier. So models are also trained without the duplicates (the treatment) and without equally many random rows (the
control), and both are scored on the same unchanged test set.
"""

import numpy as np
import pyarrow.compute as pc

from tasks.arrays import Labels, Mask, RowNumbers
from tasks.evaluation.scores import as_many_per_class
from tasks.storage import Place, tables
from tasks.vocabulary import Arm

AMONG = 20  # a repeated training draws from this many times the rows it uses, so that not all need to be read


def has_twin(twins: Place) -> Mask:
    """Return, for each row of a split, whether it has a duplicate in the other."""
    table = tables.read(twins, ["exact", "near"])
    mask: Mask = pc.or_(table["exact"], table["near"]).to_numpy()
    return mask


def rows_of_arm(arm: Arm, count: int, labels: Labels, twins: Mask, seed: int, again: bool) -> RowNumbers:
    """Return the rows of train that one training uses, int64 (rows,).

    Rows are taken in the shuffled order of train, or at random if the training is a repetition (`again`), until `count`
    of them are not duplicates. One arm then drops the duplicates, the other random rows of each class, so that both
    have the same size and classes and share most rows. A `count` above the number of rows without a duplicate is only
    possible with duplicates, and takes the first rows of train.

    `labels` and `twins`, int64 and bool (n,), are the class of each row of train, and whether it is a duplicate of a
    test row; `seed` decides the order and the randomly dropped rows.

    >>> labels, twins = np.zeros(5, np.int64), np.array([True, False, False, True, False])
    >>> rows_of_arm("without_twins", 2, labels, twins, 0, again=False).tolist()
    [1, 2]
    >>> len(rows_of_arm("with_twins", 2, labels, twins, 0, again=False))
    2
    """
    order = np.arange(len(labels))
    if again:
        near = AMONG * count if (~twins[: AMONG * count]).sum() >= count else len(labels)
        order = np.random.default_rng([seed, 11]).permutation(order[:near])
    others = np.flatnonzero(~twins[order])
    if count > len(others):
        return order[:count]
    taken = order[: others[count - 1] + 1]
    if arm == "without_twins":
        return taken[~twins[taken]]
    return taken[~as_many_per_class(labels[taken], twins[taken], seed)]
