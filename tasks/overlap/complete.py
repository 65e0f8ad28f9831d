"""Find all near-duplicate pairs between two sets of bit patterns, by bounds that every near-duplicate keeps.

Two patterns of N bits, with a and b of them set, differ in d bits. By `tasks.overlap.patterns`, near-duplicates at p
percent have

    d <= c (a + b)   and   d <= c (2 N - a - b)   with   c = (100 - p) / (100 + p).

Bit counts refuse most pairs, since d >= |a - b|. The others are judged tile by tile along a few axes, see
`tasks.overlap.bounds`. Every pair that passes is verified on its bits, in integers, so the result does not depend on
the axes.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from tasks.arrays import Pixels
from tasks.overlap import bounds
from tasks.overlap.patterns import CHUNK, Counts, Patterns, Shared, least_shared, verified

AXES = (32, 64, 128, 256)  # numbers of axes to choose from
SAMPLE = 512  # patterns of each side that the axes are computed from, and their number is chosen by
ROWS, COLUMNS = 1024, 4096  # patterns of each side of a tile: 16 MB of bounds
THREADS = 2  # that judge and verify tiles at the same time; each holds up to 140 MB where all pairs are twins
AT_ONCE = 2048  # patterns that are projected at a time: 6 MB
STRIP = 64  # rows of a tile whose pairs are all verified at a time
FEW = 1 << 21  # pairs; so many are all verified while axes would be chosen
AFFORDABLE = 6e11  # nanoseconds of comparing all pairs: ten minutes of one core
# Nanoseconds, measured on one core: a pair in a tile, an axis of it, and its verification, alone or with its tile.
PAIR, PER_AXIS, ALONE, WITH_TILE = 0.7, 0.03, 200, 20


def complete_pairs(first: Patterns, second: Patterns, percent: int) -> Iterator[Shared]:
    """Yield every near-duplicate pair of patterns of equal length, from a similarity in whole percent on.

    Each pair comes once; of a set and itself, the very same object, in one order or in both.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> [pairs.first.tolist() for pairs in complete_pairs(ones, ones, 90)]
    [[0, 1, 2]]
    """
    if not len(first) or not len(second):
        return
    few = len(first) * len(second) <= FEW
    axes = np.empty((first.length, 0), np.float32) if few else choose_axes(first, second, percent)[0]
    orders = [np.argsort(patterns.counts, kind="stable") for patterns in (first, second)]
    one = first[orders[0]]
    two = one if first is second else second[orders[1]]
    need, waiting = least_shared(percent, first.length), deque[Future[list[Shared]]]()

    def ended(most: int) -> Iterator[Shared]:
        """Yield the pairs of the first tiles that are searched, until at most so many are left."""
        while len(waiting) > most:
            for pairs in waiting.popleft().result():
                yield pairs._replace(first=orders[0][pairs.first], second=orders[1][pairs.second])

    with ThreadPoolExecutor(THREADS) as pool:
        for tile in _tiles(one, two, axes, percent):
            waiting.append(pool.submit(_pairs_of_tile, *tile, need))
            yield from ended(2 * THREADS)
        yield from ended(0)


def choose_axes(first: Patterns, second: Patterns, percent: int) -> tuple[Pixels, float]:
    """Return the axes along which a sample varies most, as many as make the search cheapest, and what that costs.

    The axes are float32 (length, k), orthonormal; the cost is in nanoseconds of one core a pair, on average of all.
    """
    one, two = (bounds.evenly(patterns, SAMPLE) for patterns in (first, second))
    axes = bounds.principal_axes(np.concatenate([one.unpacked(), two.unpacked()]), max(AXES))
    projected = _projected(one, axes), _projected(two, axes)
    differ = np.abs(one.counts[:, None] - two.counts)
    total = one.counts[:, None] + two.counts  # of set bits: so many may differ of near-duplicates
    c = (100 - percent) / (100 + percent)
    allowed, costs = differ <= c * np.minimum(total, 2 * first.length - total), {}
    for count in AXES:
        factors = bounds.left(projected[0][:, :count], one.counts, c), bounds.right(projected[1][:, :count], two.counts)
        passing = (factors[0] @ factors[1].T <= bounds.slack(first.length)) & allowed
        verification = min(ALONE * float(passing.sum() / max(allowed.sum(), 1)), WITH_TILE)
        costs[count] = float(allowed.mean()) * (PAIR + PER_AXIS * count + verification)
    best = min(costs, key=costs.__getitem__)
    return axes[:, :best], costs[best]


def _tiles(
    first: Patterns, second: Patterns, axes: Pixels, percent: int
) -> Iterator[tuple[Patterns, Patterns, int, int, Pixels, Pixels]]:
    """Yield tiles that together hold all pairs that bit counts allow; of a set and itself, those on one side.

    A tile is patterns of both sides, sorted by their counts; where these start; and the factors of their bounds.
    """
    projected, length, c = _projected(second, axes), first.length, (100 - percent) / (100 + percent)
    for start in range(0, len(first), ROWS):
        block = first[start : start + ROWS]
        low, high = _possible_counts(block.counts, percent, length)
        begin, end = np.searchsorted(second.counts, low), np.searchsorted(second.counts, high, side="right")
        if first is second:
            begin = np.maximum(begin, start)
        sparse = bool(2 * block.counts.sum() <= length * len(block))  # which of the two bounds is the narrower
        left = bounds.left(_projected(block, axes), block.counts if sparse else length - block.counts, c)
        for other in range(begin, end, COLUMNS):
            there = second[other : min(other + COLUMNS, end)]
            counts = there.counts if sparse else length - there.counts
            yield block, there, start, other, left, bounds.right(projected[other : other + len(there)], counts)


def _possible_counts(counts: Counts, percent: int, length: int) -> tuple[int, int]:
    """Return the smallest and largest bit count that a near-duplicate of one of `counts` can have."""
    low, high = int(counts.min()), int(counts.max())
    unset_low, unset_high = length - high, length - low
    least = max(-(-percent * low // 100), length - 100 * unset_high // percent)
    most = min(100 * high // percent, length + (-percent * unset_low // 100))
    return least, most


def _pairs_of_tile(
    first: Patterns, second: Patterns, start: int, other: int, left: Pixels, right: Pixels, need: Counts
) -> list[Shared]:
    """Return the near-duplicates of a tile, by their places on both sides."""
    passing = np.flatnonzero((left @ right.T).ravel() <= bounds.slack(first.length))
    if ALONE * len(passing) > WITH_TILE * len(first) * len(second):
        found = _verified_together(first, second, need)
    else:
        parts = (np.divmod(passing[at : at + CHUNK], len(second)) for at in range(0, len(passing), CHUNK))
        found = (verified(first, second, *part, need) for part in parts)
    return [pairs._replace(first=pairs.first + start, second=pairs.second + other) for pairs in found]


def _verified_together(block: Patterns, others: Patterns, need: Counts) -> Iterator[Shared]:
    """Yield the near-duplicates among all pairs of two sets."""
    for start in range(0, len(block), STRIP):
        strip = block[start : start + STRIP]
        shared = np.zeros((len(strip), len(others)), np.uint32)
        for word in range(strip.words.shape[1]):
            shared += np.bitwise_count(strip.words[:, word, None] & others.words[None, :, word])
        near = shared >= need[strip.counts[:, None] + others.counts[None, :]]
        i, j = np.divmod(np.flatnonzero(near), len(others))
        yield Shared(i + start, j, shared[i, j].astype(np.int64))


def _projected(patterns: Patterns, axes: Pixels) -> Pixels:
    parts = [patterns[start : start + AT_ONCE].unpacked() @ axes for start in range(0, len(patterns), AT_ONCE)]
    return np.concatenate([np.empty((0, axes.shape[1]), np.float32), *parts])
