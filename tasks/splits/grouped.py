"""Deal groups of rows out to splits, so that every group is on one side and every split has the classes of all.

This is bin packing with several classes. Groups of several rows are dealt out one by one, the largest first, each to
where it brings the counts of its classes nearest to what they should be, as scikit-learn's StratifiedGroupKFold does it
for folds of one size. Rows that are alone in their group come last and fill what is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.joined import RowNumbers
from tasks.vocabulary.arrays import Floats

NOWHERE = -1


@dataclass(frozen=True)
class Dealt:
    """Where rows were dealt: `bin`, int64 (rows,), -1 for those that are left over; and what was aimed at.

    `wanted` is int64 (bins, classes); `confined` has the groups that are larger than one of the bins.
    """

    bin: RowNumbers
    wanted: RowNumbers
    confined: RowNumbers


def deal(groups: RowNumbers, labels: RowNumbers, sizes: Sequence[int], seed: Sequence[int]) -> Dealt:
    """Deal rows out to bins.

    Parameters
    ----------
    groups, labels : ndarray
        int64 (rows,): group and class of each row.
    sizes : sequence of int
        Rows of each bin; all together at most as many as there are.
    seed : sequence of int
        Of the order of groups of one size, and of rows that are alone.

    >>> dealt = deal(np.array([0, 0, 0, 1, 2, 3]), np.zeros(6, np.int64), [4, 2], [0])
    >>> len(set(dealt.bin[:3].tolist())), np.bincount(dealt.bin).tolist()
    (1, [4, 2])
    """
    rng = np.random.default_rng(list(seed))
    of_class = np.bincount(labels)
    left, wanted = of_class, np.empty((len(sizes) + 1, len(of_class)), np.int64)
    for number, size in enumerate((*sizes, len(labels) - sum(sizes))):  # the last is what is left over
        wanted[number] = _shares(left, size)
        left = left - wanted[number]
    sizes_of_groups = np.bincount(groups)
    several = np.flatnonzero(sizes_of_groups > 1)
    several = several[np.lexsort((rng.permutation(len(several)), -sizes_of_groups[several]))]
    held, bins = np.zeros(wanted.shape), np.full(len(labels), NOWHERE)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(sizes_of_groups) + 1))
    for group in several.tolist():
        rows = order[starts[group] : starts[group + 1]]
        classes, counts = np.unique(labels[rows], return_counts=True)
        best = _best_bin(held, wanted, classes, counts)
        held[best, classes] += counts
        bins[rows] = best
    alone = np.flatnonzero(sizes_of_groups[groups] == 1)
    missing = _missing(wanted - held.astype(np.int64), np.bincount(labels[alone], minlength=len(of_class)))
    for label in range(len(of_class)):
        rows = rng.permutation(alone[labels[alone] == label])
        bins[rows] = np.repeat(np.arange(len(wanted)), missing[:, label])
    bins[bins == len(sizes)] = NOWHERE
    smallest = min((size for size in sizes if size), default=0)
    return Dealt(bins, wanted[:-1], several[sizes_of_groups[several] > smallest])


def _best_bin(held: Floats, wanted: RowNumbers, classes: RowNumbers, counts: RowNumbers) -> int:
    """Return the bin whose counts a group brings nearest to what is wanted, relative to the bin's size."""
    over = held[:, classes] - wanted[:, classes]
    worse = (counts * (2 * over + counts)).sum(axis=1) / np.maximum(wanted.sum(axis=1), 1)
    room = 2 * (wanted.sum(axis=1) - held.sum(axis=1)) >= counts.sum()  # less is too much then than too little before
    if room.any():
        worse[~room] = np.inf
    return int(worse.argmin())


def _missing(room: RowNumbers, alone: RowNumbers) -> RowNumbers:
    """Return how many rows that are alone each bin gets of each class, int64 (bins, classes).

    Where large groups have taken more of a class than a bin should have, it gets fewer of others: sizes come first.
    """
    pairs = zip(np.maximum(room, 0).T, alone.tolist(), strict=True)
    missing = np.stack([_shares(column, count) for column, count in pairs], axis=1)
    short = room.sum(axis=1) - missing.sum(axis=1)
    while (short > 0).any() and (missing[short < 0].sum()) > 0:
        full = int(np.where(missing.sum(axis=1) > 0, short, 0).argmin())
        if short[full] >= 0:
            break
        empty, label = int(short.argmax()), int(missing[full].argmax())
        moved = min(-short[full], short[empty], missing[full, label])
        missing[full, label] -= moved
        missing[empty, label] += moved
        short[full] += moved
        short[empty] -= moved
    return missing


def _shares(parts: RowNumbers, total: int) -> RowNumbers:
    """Return whole numbers with a sum, in the proportions of others, by the largest remainders.

    >>> _shares(np.array([1, 1, 1]), 5).tolist()
    [2, 2, 1]
    """
    whole = parts.sum()
    exact = parts * (total / whole) if whole else np.full(len(parts), total / len(parts))
    shares = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.lexsort((np.arange(len(parts)), -(exact - shares)))
    shares[largest[: total - shares.sum()]] += 1
    return shares
