"""Where signed patterns meet: pairs whose keys of a band agree, each of them verified."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tasks.overlap.jaccard import Counts
from tasks.overlap.patterns import CHUNK, Pairs, verified
from tasks.overlap.signed import MIX, Signed, Sorted
from tasks.vocabulary.arrays import Mask, RowNumbers

HEAVY = 128  # comparisons per row of a bucket above which only neighbours are compared, see `_neighbours`
NEIGHBOURS = 32


class Meeting:
    """Two sets of signed patterns whose near-duplicate pairs are told band by band.

    Near copies meet in most bands, so a pair that met in the last one is not verified again; to look for it in bands
    further back costs as much as it saves.

    Parameters
    ----------
    first, second : Signed
        The first should be the smaller one.
    need : ndarray
        What `tasks.overlap.jaccard.least_shared` gives.
    """

    def __init__(self, first: Signed, second: Signed, need: Counts) -> None:
        self._first, self._second, self._need = first, second, need
        self._before = 0, np.zeros(len(first.rows), np.bool_)  # the last band, and rows whose pairs all met there

    def pairs(self, second: Sorted) -> Iterator[Pairs]:
        """Yield those that meet in a band, by which the second set is sorted."""
        one, (band, met_there) = self._first.sorted_by(second.band), self._before
        before = self._first.keys[band], self._second.keys[band]
        whole = np.ones(len(one.order), np.bool_)
        for i, j, all_of_bucket in _meetings(one, second):
            whole[i] &= all_of_bucket
            new = np.flatnonzero(~met_there[i] | (before[0][i] != before[1][j]))
            yield _verified(self._first, self._second, i[new], j[new], self._need)
        self._before = second.band, whole


def met(first: Signed, second: Signed, band: int, need: Counts) -> Iterator[Pairs]:
    """Yield the near-duplicate pairs that meet in a band; `need` is what `least_shared` gives."""
    for i, j, _ in _meetings(first.sorted_by(band), second.sorted_by(band)):
        yield _verified(first, second, i, j, need)


def _verified(first: Signed, second: Signed, i: RowNumbers, j: RowNumbers, need: Counts) -> Pairs:
    return verified(first.patterns, second.patterns, first.rows[i], second.rows[j], need)


def _meetings(first: Sorted, second: Sorted) -> Iterator[tuple[RowNumbers, RowNumbers, bool]]:
    """Yield (i, j) whose keys of one band agree, at most about `CHUNK` at a time, and whether these are all of i's."""
    order_i, order_j = first.order, second.order
    begin, end = (np.searchsorted(second.in_order, first.in_order, side) for side in ("left", "right"))
    meet = np.flatnonzero(end > begin)
    order_i, begin, size = order_i[meet], begin[meet], (end - begin)[meet]
    _, bucket, rows = np.unique(begin, return_inverse=True, return_counts=True)
    heavy = _is_heavy(rows[bucket], size)
    for one in np.unique(bucket[heavy]):
        inside = np.flatnonzero(bucket == one)
        j = order_j[begin[inside[0]] : begin[inside[0]] + size[inside[0]]]
        for near in _neighbours(first.keys, second.keys, order_i[inside], j, first.band):
            yield *near, False
    order_i, begin, size = order_i[~heavy], begin[~heavy], size[~heavy]
    chunk = np.cumsum(size) // CHUNK  # a row's pairs all go with its last one
    for part in np.split(np.arange(len(size)), np.flatnonzero(np.diff(chunk)) + 1):
        count = size[part]
        offsets = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        yield np.repeat(order_i[part], count), order_j[np.repeat(begin[part], count) + offsets], True


def _is_heavy(here: RowNumbers, there: RowNumbers) -> Mask:
    """Return, for buckets given by their rows on both sides, whether comparing them in full would be quadratic."""
    return here * there > HEAVY * (here + there)


def _neighbours(
    keys_i: NDArray[np.uint64], keys_j: NDArray[np.uint64], i: RowNumbers, j: RowNumbers, band: int
) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield, for a bucket too large to compare in full, pairs that are close in the order of the bands that follow.

    Patterns that agree in further bands become neighbours, and each of the larger side meets
    `NEIGHBOURS` of the other, so the work grows with the patterns and not with their square. Matches
    are verified as always, but a pair must agree in two bands instead of one to be compared for certain.
    """
    following = [(band + step) % len(keys_i) for step in (3, 2, 1)]
    if len(i) < len(j):
        yield from ((mine, theirs) for theirs, mine in _neighbours(keys_j, keys_i, j, i, band))
        return
    # Last, patterns that agree in all of these are spread evenly, so that both sides interleave.
    even = np.concatenate([np.arange(len(side), dtype=np.uint64) * MIX for side in (i, j)])
    place = np.empty(len(i) + len(j), np.int64)
    place[np.lexsort([even, *(np.concatenate([keys_i[b][i], keys_j[b][j]]) for b in following)])] = np.arange(
        len(place)
    )
    of_i, of_j = np.argsort(place[: len(i)]), np.argsort(place[len(i) :])
    i, j, width = i[of_i], j[of_j], min(NEIGHBOURS, len(j))
    nearest = np.searchsorted(np.sort(place[len(i) :]), np.sort(place[: len(i)])) - width // 2
    start = np.clip(nearest, 0, len(j) - width)
    for begin in range(0, len(i), CHUNK // width):
        part = slice(begin, begin + CHUNK // width)
        yield np.repeat(i[part], width), j[(start[part][:, None] + np.arange(width)).ravel()]
