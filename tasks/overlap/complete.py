"""Find all near-duplicate pairs between two sets of bit patterns, by bounds that every near-duplicate keeps.

Two patterns x and y of N bits, with a and b of them set, differ in d = |x - y|^2 bits. By `tasks.overlap.patterns`,
near-duplicates at p percent have

    d <= c (a + b)   and   d <= c (2 N - a - b)   with   c = (100 - p) / (100 + p).

Bit counts alone refuse most pairs, since d >= |a - b|. For the others, d is at least the squared distance of the
projections of x and y onto any orthonormal axes (Bessel's inequality). On the principal components of the patterns, a
few dozen numbers show most of d; one matrix product of that width, with the bound folded into two more columns, judges
a tile of pairs at a fraction of the cost of all N bits. Every pair that passes is verified on its bits, in integers,
so the result does not depend on the axes.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks.arrays import Pixels, RowNumbers
from tasks.overlap.patterns import CHUNK, Counts, Patterns, Shared, least_shared, possible_counts, verified

AXES = (32, 64, 128, 256)  # numbers of axes to choose from
SAMPLE = 512  # patterns of each side that the axes are computed from, and their number is chosen by
ROWS, COLUMNS = 1024, 4096  # patterns of each side of a tile: 16 MB of bounds
THREADS = 2  # that judge and verify tiles at the same time; each holds up to 140 MB where all pairs are twins
AT_ONCE = 2048  # patterns that are projected at a time: 6 MB
STEPS = 2  # of subspace iteration; more show less than a thousandth more of the variance of glyphs
STRIP = 64  # rows of a tile whose pairs are all verified at a time
FEW = 1 << 21  # pairs; so many are all verified while axes would be chosen
AFFORDABLE = 6e11  # nanoseconds of comparing all pairs: ten minutes of one core
# Nanoseconds, measured on one core: a pair in a tile, an axis of it, and its verification, alone or with its tile.
PAIR, PER_AXIS, ALONE, WITH_TILE = 0.7, 0.03, 200, 20


@dataclass(frozen=True)
class Bounds:
    """Orthonormal axes, float32 (length, k), and nanoseconds of one core that a pair costs, on average of all."""

    axes: Pixels
    cost: float


def complete_pairs(first: Patterns, second: Patterns, percent: int) -> Iterator[Shared]:
    """Yield every near-duplicate pair.

    Parameters
    ----------
    first, second : Patterns
        Of equal length. Each pair comes once; of a set and itself, the very same object, in one order or in both.
    percent : int
        Similarity in whole percent from which a pair counts.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> [pairs.first.tolist() for pairs in complete_pairs(ones, ones, 90)]
    [[0, 1, 2]]
    """
    if not len(first) or not len(second):
        return
    few = len(first) * len(second) <= FEW
    axes = np.empty((first.length, 0), np.float32) if few else choose_bounds(first, second, percent).axes
    orders = [np.argsort(patterns.counts, kind="stable") for patterns in (first, second)]
    one = first.take(orders[0])
    two = one if first is second else second.take(orders[1])
    tiles = _tiles(one, two, axes, percent)
    for pairs in _found(tiles, least_shared(percent, first.length)):
        yield pairs._replace(first=orders[0][pairs.first], second=orders[1][pairs.second])


def _found(tiles: Iterator["_Tile"], need: Counts) -> Iterator[Shared]:
    """Yield the near-duplicates of tiles, a few of which are searched at the same time."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[list[Shared]]] = deque()
        for tile in tiles:
            waiting.append(pool.submit(_pairs_of_tile, tile, need))
            if len(waiting) > 2 * THREADS:
                yield from waiting.popleft().result()
        for future in waiting:
            yield from future.result()


def choose_bounds(first: Patterns, second: Patterns, percent: int) -> Bounds:
    """Return the axes along which a sample of the patterns varies most, as many as make the search cheapest."""
    sides = [
        patterns.take(np.linspace(0, len(patterns) - 1, min(SAMPLE, len(patterns))).astype(int))
        for patterns in (first, second)
    ]
    axes = principal_axes(np.concatenate([side.unpacked() for side in sides]), max(AXES))
    projected = [_project(side, axes) for side in sides]
    differ = np.abs(sides[0].counts[:, None] - sides[1].counts[None, :])
    total = sides[0].counts[:, None] + sides[1].counts[None, :]  # of set bits: so many may differ of near-duplicates
    allowed = differ <= (100 - percent) / (100 + percent) * np.minimum(total, 2 * first.length - total)
    share, costs = float(allowed.mean()), {}
    for count in AXES:
        left, right = (
            _factors(rows[:, :count], side, percent, True, left=left)
            for rows, side, left in zip(projected, sides, (True, False), strict=True)
        )
        passing = float(((left @ right.T <= _slack(first.length)) & allowed).sum() / max(allowed.sum(), 1))
        costs[count] = share * (PAIR + PER_AXIS * count + min(ALONE * passing, WITH_TILE))
    best = min(costs, key=costs.__getitem__)
    return Bounds(axes[:, :best], costs[best])


def principal_axes(sample: Pixels, count: int) -> Pixels:
    """Return axes along which a sample varies most, the most telling first.

    Any orthonormal axes give true bounds, so these need not be exact: a few steps of subspace iteration take a quarter
    of the time of an eigendecomposition (Halko, Martinsson and Tropp, Finding structure with randomness, 2011,
    algorithm 4.4).

    Parameters
    ----------
    sample : ndarray
        float32 (n, length).
    count : int

    Returns
    -------
    ndarray
        float32 (length, count), orthonormal whatever the sample; fewer where that has fewer rows or columns.

    >>> axes = principal_axes(np.array([[0, 0], [0, 1], [0, 0]], np.float32), 1)
    >>> np.abs(axes).round(3).tolist()
    [[0.0], [1.0]]
    """
    centred = sample - sample.mean(axis=0)
    start = np.random.default_rng(0).standard_normal((len(sample), min(count, *sample.shape)), np.float32)
    axes, _ = np.linalg.qr(centred.T @ start)
    for _ in range(STEPS):
        axes, _ = np.linalg.qr(centred.T @ (centred @ axes))
    shown = centred @ axes
    _, turn = np.linalg.eigh(shown.T @ shown)
    ordered: Pixels = axes @ turn[:, ::-1]
    return ordered


class _Tile(NamedTuple):
    """Some patterns of both sides, sorted by their counts; where they start; and the factors of their bounds."""

    first: Patterns
    second: Patterns
    start: int
    other: int
    left: Pixels
    right: Pixels


def _tiles(first: Patterns, second: Patterns, axes: Pixels, percent: int) -> Iterator[_Tile]:
    """Yield tiles that together hold all pairs that bit counts allow; of a set and itself, those on one side."""
    projected = _project(second, axes)
    for start in range(0, len(first), ROWS):
        block = first[start : start + ROWS]
        low, high = possible_counts(block.counts, percent, first.length)
        begin, end = np.searchsorted(second.counts, low), np.searchsorted(second.counts, high, side="right")
        if first is second:
            begin = np.maximum(begin, start)
        sparse = bool(2 * block.counts.sum() <= first.length * len(block))  # which of the two bounds is the narrower
        left = _factors(_project(block, axes), block, percent, sparse, left=True)
        for other in range(begin, end, COLUMNS):
            there = second[other : min(other + COLUMNS, end)]
            right = _factors(projected[other : other + len(there)], there, percent, sparse, left=False)
            yield _Tile(block, there, start, other, left, right)


def _pairs_of_tile(tile: _Tile, need: Counts) -> list[Shared]:
    """Return the near-duplicates of a tile, by their places on both sides."""
    passing = np.flatnonzero((tile.left @ tile.right.T).ravel() <= _slack(tile.first.length))
    if ALONE * len(passing) > WITH_TILE * len(tile.first) * len(tile.second):
        found = _verified_together(tile.first, tile.second, need)
    else:
        found = _verified_alone(tile.first, tile.second, *np.divmod(passing, len(tile.second)), need)
    return [
        pairs._replace(first=pairs.first + tile.start, second=pairs.second + tile.other)
        for pairs in found
        if len(pairs.first)
    ]


def _verified_alone(block: Patterns, others: Patterns, i: RowNumbers, j: RowNumbers, need: Counts) -> Iterator[Shared]:
    for start in range(0, len(i), CHUNK):
        part = slice(start, start + CHUNK)
        yield verified(block, others, i[part], j[part], need)


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


def _factors(projected: Pixels, patterns: Patterns, percent: int, sparse: bool, left: bool) -> Pixels:
    """Return one side of a matrix product that gives the squared distances of projections less what is allowed."""
    counts = patterns.counts if sparse else patterns.length - patterns.counts
    own = (projected**2).sum(axis=1) - (100 - percent) / (100 + percent) * counts
    ones = np.ones(len(counts))
    parts = (projected, own[:, None], ones[:, None]) if left else (-2 * projected, ones[:, None], own[:, None])
    return np.concatenate(parts, axis=1).astype(np.float32)


def _slack(length: int) -> float:
    """Return more than single precision can err by in a product of factors; what is judged is an integer."""
    return 0.5 + 2e-5 * length


def _project(patterns: Patterns, axes: Pixels) -> Pixels:
    parts = [patterns[start : start + AT_ONCE].unpacked() @ axes for start in range(0, len(patterns), AT_ONCE)]
    return np.concatenate([np.empty((0, axes.shape[1]), np.float32), *parts])
