"""Where signed patterns meet: pairs whose keys of a band agree, each of them verified."""

from collections.abc import Iterator

import numpy as np

from tasks.overlap.jaccard import Counts, Words
from tasks.overlap.patterns import CHUNK, Pairs, verified
from tasks.overlap.seen import Seen
from tasks.overlap.signed import HALF, MIX, PLACE, Signed, Sorted
from tasks.vocabulary.arrays import Floats, RowNumbers

HEAVY = 128  # comparisons per row of a bucket above which only neighbours are compared, see `_neighbours`
NEIGHBOURS = 32
SLACK = 1e-9  # bits: more than double precision can err by


def met(first: Sorted, second: Sorted, need: Counts, least: Floats, seen: Seen | None = None) -> Iterator[Pairs]:
    """Yield the near-duplicate pairs that meet in a band, by which both are sorted.

    Parameters
    ----------
    first, second : Sorted
        The first should be the smaller one.
    need : ndarray
        What `tasks.overlap.jaccard.least_shared` gives.
    least : ndarray
        float64 (n,), above 0: for each pattern of the first, the Jaccard similarity of set bits from which a pair is of
        interest. Those whose numbers of bits forbid it are passed over where they lie: a bucket is ordered by these.
    seen : Seen, optional
        Pairs of other bands: those that it remembers are not compared again, and what is yielded is added to it.
    """
    for i, j in _meetings(first, second, least):
        if seen:
            new = seen.unknown(i, j)
            i, j = i[new], j[new]
        pairs = verified(first.signed.patterns, second.signed.patterns, i, j, need)
        if seen:
            seen.add(pairs.first, pairs.second)
        yield pairs


def _meetings(first: Sorted, second: Sorted, least: Floats) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield rows (i, j) that meet, at most about `CHUNK` at a time."""
    if not len(second.words):
        return
    light = np.ones(len(first.words), np.bool_)
    for part, bucket in _heavy_buckets(first, second):
        light[part] = False
        yield from _neighbours(first.signed, second.signed, np.sort(first.rows[part]), np.sort(bucket), first.band)
    low, high = _between(first, second.signed, least)
    begin = np.searchsorted(second.words, low)
    there = second.words.take(begin, mode="clip")
    meet = np.flatnonzero(light & (low <= there) & (there < high))
    rows, begin = first.rows[meet], begin[meet]
    size = np.searchsorted(second.words, high[meet]) - begin
    chunk = np.cumsum(size) // CHUNK  # a row's pairs all go with its last one
    for some in np.split(np.arange(len(size)), np.flatnonzero(np.diff(chunk)) + 1):
        count = size[some]
        offsets = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        yield np.repeat(rows[some], count), second.rows[np.repeat(begin[some], count) + offsets]


def _between(first: Sorted, second: Signed, least: Floats) -> tuple[Words, Words]:
    """Return, for each of the first, the words from which on, and before which, lie those that it is compared with."""
    counts, least, length = first.signed.patterns.counts[first.rows], least[first.rows], second.patterns.length
    fewest = np.ceil(least * counts - SLACK).astype(np.int64)
    most = np.minimum(counts / least + SLACK, length).astype(np.int64)
    keys = first.words & ~PLACE
    return keys + second.starts[fewest], keys + second.starts[most + 1]


def _heavy_buckets(first: Sorted, second: Sorted) -> Iterator[tuple[slice, RowNumbers]]:
    """Yield the buckets that it would be quadratic to compare in full: places of one side, and rows of the other.

    Which these are does not depend on what was found before: several threads find that in any order.
    """
    keys = first.words >> HALF
    starts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    rows = np.diff(starts, append=len(keys))
    for number in np.flatnonzero(rows > HEAVY):
        start, here = starts[number], rows[number]
        begin, end = np.searchsorted(second.words, [keys[start] << HALF, (keys[start] << HALF) | PLACE])
        if here * (end - begin) > HEAVY * (here + end - begin):
            yield slice(start, start + here), second.rows[begin:end]


def _neighbours(
    first: Signed, second: Signed, i: RowNumbers, j: RowNumbers, band: int
) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield, for a bucket too large to compare in full, pairs that are close in the order of the bands that follow.

    Patterns that agree in further bands become neighbours, and each of the larger side meets
    `NEIGHBOURS` of the other, so the work grows with the patterns and not with their square. Matches
    are verified as always, but a pair must agree in two bands instead of one to be compared for certain.
    """
    if len(i) < len(j):
        yield from ((mine, theirs) for theirs, mine in _neighbours(second, first, j, i, band))
        return
    following = [(band + step) % len(first.keys) for step in (3, 2, 1)]
    keys = [
        np.concatenate([side.keys[b][side.place[rows]] for side, rows in ((first, i), (second, j))]) for b in following
    ]
    # Last, patterns that agree in all of these are spread evenly, so that both sides interleave.
    even = np.concatenate([np.arange(len(side), dtype=np.uint64) * MIX for side in (i, j)])
    place = np.empty(len(i) + len(j), np.int64)
    place[np.lexsort([even, *keys])] = np.arange(len(place))
    of_i, of_j = np.argsort(place[: len(i)]), np.argsort(place[len(i) :])
    i, j, width = i[of_i], j[of_j], min(NEIGHBOURS, len(j))
    nearest = np.searchsorted(np.sort(place[len(i) :]), np.sort(place[: len(i)])) - width // 2
    start = np.clip(nearest, 0, len(j) - width)
    for begin in range(0, len(i), CHUNK // width):
        part = slice(begin, begin + CHUNK // width)
        yield np.repeat(i[part], width), j[(start[part][:, None] + np.arange(width)).ravel()]
