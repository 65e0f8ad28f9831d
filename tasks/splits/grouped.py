"""Assign groups of rows to splits, so that no group is divided and the splits have similar shares of each class.

A few groups are assigned by exhaustive search (`best_way`). Many are assigned one by one, largest first, each to the
bin whose class counts it brings closest to their targets, like scikit-learn's StratifiedGroupKFold for equal folds.
Groups of one row come last and fill the gaps; a bin that is still empty takes a group.
"""

import math
from collections.abc import Sequence

import numpy as np

from tasks.arrays import RowNumbers

NOWHERE = -1
WAYS = 200_000  # most assignments to search exhaustively; 11 groups and three bins have fewer


def deal(groups: RowNumbers, labels: RowNumbers, sizes: Sequence[int], seed: Sequence[int]) -> RowNumbers:
    """Return the bin of each row, int64 (rows,), -1 for rows left over; no bin with a size is empty.

    `groups` and `labels`, int64 (rows,), are the group and the class of each row. Groups are numbered from 0, and there
    are at least as many as bins with a size. `sizes` are the rows of each bin and add up to at most the number of rows.
    `seed` decides the order of equally large groups.

    >>> dealt = deal(np.array([0, 0, 0, 1, 2, 3]), np.zeros(6, np.int64), [4, 2], [0])
    >>> len(set(dealt[:3].tolist())), np.bincount(dealt).tolist()
    (1, [4, 2])
    """
    rng = np.random.default_rng(list(seed))
    bins = [number for number, size in enumerate(sizes) if size]
    asked, left = len(bins), np.bincount(labels)
    if sum(sizes) < len(labels):  # some rows are left over
        bins.append(NOWHERE)
    wanted = np.empty((len(bins), len(left)), np.int64)
    for place, number in enumerate(bins):
        wanted[place] = left if number == NOWHERE else _shares(left, sizes[number])
        left = left - wanted[place]
    rows = np.bincount(groups)
    if len(rows) <= math.log(WAYS, max(len(bins), 3)):
        counts = np.zeros((len(rows), wanted.shape[1]), np.int64)
        np.add.at(counts, (groups, labels), 1)
        order, bin_of = rng.permutation(len(rows)), np.empty(len(rows), np.int64)
        bin_of[order] = best_way(counts[order], wanted[:asked], some_left=len(bins) > asked)
    else:
        bin_of = _one_by_one(groups, labels, wanted, rng)
        _fill_empty(bin_of, rows, wanted.sum(axis=1), asked, rng)
    return np.array(bins)[bin_of][groups]


def best_way(counts: RowNumbers, wanted: RowNumbers, some_left: bool) -> RowNumbers:
    """Return the bin of each group, int64 (groups,), in the best assignment without empty bins, the first among equals.

    It minimizes the sum over bins of the squared differences from the targets, in the rows of each class and, times
    two, in all rows, divided by the size of the bin. `counts` and `wanted` are the rows per class of each group and the
    targets of each bin, int64 (groups, classes) and (bins, classes); there are at least as many groups as bins. With
    `some_left`, groups may be left over, in an additional last bin without a target.

    >>> best_way(np.array([[2], [2], [4]]), np.array([[4], [4]]), some_left=False).tolist()
    [0, 0, 1]
    """
    counts, wanted = (np.column_stack([rows, 2 * rows.sum(axis=1)]) for rows in (counts, wanted))
    bits = np.arange(len(counts))  # an integer encodes a subset of the groups
    held = (np.arange(1, 1 << len(counts))[:, None] >> bits & 1) @ counts  # without the empty subset, which costs inf
    costs = [np.append(np.inf, ((held - of_bin) ** 2).sum(axis=1) / of_bin[-1]) for of_bin in wanted]
    costs += [np.zeros(1 << len(counts))] * some_left
    ways = np.zeros((1, len(costs)), np.int64)  # the subset of each bin
    for bit in bits:
        ways = (ways[:, None] + (np.eye(len(costs), dtype=np.int64) << bit)).reshape(-1, len(costs))
    total = sum(of_bin[subsets] for of_bin, subsets in zip(costs, ways.T, strict=True))
    return (ways[np.argmin(total)][:, None] >> bits & 1).argmax(axis=0)


def _one_by_one(groups: RowNumbers, labels: RowNumbers, wanted: RowNumbers, rng: np.random.Generator) -> RowNumbers:
    """Return the bin of each group, int64 (groups,): large groups first, then groups of one row."""
    sizes_of_groups = np.bincount(groups)
    several = np.flatnonzero(sizes_of_groups > 1)
    several = several[np.lexsort((rng.permutation(len(several)), -sizes_of_groups[several]))]
    held, bin_of = np.zeros_like(wanted), np.empty(len(sizes_of_groups), np.int64)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(sizes_of_groups) + 1))
    for group in several.tolist():
        classes, counts = np.unique(labels[order[starts[group] : starts[group + 1]]], return_counts=True)
        bin_of[group] = best = _best_bin(held, wanted, classes, counts)
        held[best, classes] += counts
    alone, label_of = np.flatnonzero(sizes_of_groups == 1), labels[order[starts[:-1]]]
    missing = _missing(wanted - held, np.bincount(label_of[alone], minlength=wanted.shape[1]))
    for label in range(wanted.shape[1]):
        same = rng.permutation(alone[label_of[alone] == label])
        bin_of[same] = np.repeat(np.arange(len(wanted)), missing[:, label])
    return bin_of


def _fill_empty(bin_of: RowNumbers, rows: RowNumbers, wanted: RowNumbers, asked: int, rng: np.random.Generator) -> None:
    """Move a group to each empty bin among the first `asked`.

    It is the group that brings the sizes closest to their targets, at random among equals; it is never the only one of
    its bin. The rest that is left over may have any size.
    """
    for empty in set(range(asked)) - set(bin_of.tolist()):
        over = np.bincount(bin_of, rows, len(wanted)) - wanted
        is_left = bin_of >= asked
        change = np.where(is_left, 0, rows * (rows - 2 * over[bin_of]) / wanted[bin_of])
        change += rows * (rows + 2 * over[empty]) / wanted[empty]
        change[(np.bincount(bin_of)[bin_of] == 1) & ~is_left] = np.inf
        order = rng.permutation(len(rows))
        bin_of[order[change[order].argmin()]] = empty


def _best_bin(held: RowNumbers, wanted: RowNumbers, classes: RowNumbers, counts: RowNumbers) -> int:
    """Return the bin whose counts a group brings closest to their targets, relative to the size of the bin."""
    over = held[:, classes] - wanted[:, classes]
    worse = (counts * (2 * over + counts)).sum(axis=1) / wanted.sum(axis=1)
    room = 2 * (wanted.sum(axis=1) - held.sum(axis=1)) >= counts.sum()  # the excess after is at most the lack before
    if room.any():
        worse[~room] = np.inf
    return int(worse.argmin())


def _missing(room: RowNumbers, alone: RowNumbers) -> RowNumbers:
    """Return how many groups of one row each bin gets of each class, int64 (bins, classes).

    A bin whose large groups exceed the target of a class gets fewer rows of other classes: sizes come first.
    """
    missing = np.maximum(room, 0)
    for own, rows in zip(missing, _shares(np.maximum(room.sum(axis=1), 0), int(alone.sum())), strict=True):
        np.minimum(own, alone, out=own)
        more = rows - own.sum()
        own += _shares(alone - own, more) if more > 0 else -_shares(own, -more)
        alone = alone - own
    return missing


def _shares(parts: RowNumbers, total: int) -> RowNumbers:
    """Divide `total` into whole numbers in the proportions of `parts`, by the largest remainders.

    >>> _shares(np.array([1, 1, 1]), 5).tolist()
    [2, 2, 1]
    """
    weights = parts if parts.any() else np.ones_like(parts)
    shares, remainders = np.divmod(weights * total, weights.sum())
    shares[np.argsort(-remainders, kind="stable")[: total - shares.sum()]] += 1
    return shares
