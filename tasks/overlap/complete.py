"""Find all near-duplicate pairs between two sets of bit patterns.

Patterns with a and b set bits that share at least i of them (`tasks.overlap.patterns`) differ in at most a + b - 2 i.
Bit counts rule out most pairs, which differ in at least |a - b| bits. The kernel also rules out most of the others, by
the bit counts of eight parts of each pattern. The bits of the rest are compared in integers, tile by tile.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np

from tasks import kernel
from tasks.arrays import RowNumbers
from tasks.overlap.patterns import Counts, Patterns, Shared, all_shared, least_shared
from tasks.threads import THREADS, several_threads

ROWS, COLUMNS = 1024, 4096  # patterns of each side of a tile: up to 100 MB, if all pairs are near-duplicates
STRIP = 64  # rows of a tile for numpy to compare at a time
AFFORDABLE = 6e11  # nanoseconds for comparing all pairs: ten minutes of one core
PAIR, BY_NUMPY = 1.5, 20.0  # nanoseconds of one core for a pair that bit counts allow, with the kernel and without
FOUND = 100.0  # the same for a near-duplicate


def complete_pairs(first: Patterns, second: Patterns, percent: int) -> Iterator[Shared]:
    """Yield every near-duplicate pair of equally long patterns, at a similarity in whole percent.

    Each pair comes once; for a set and itself, the same object, in one order or in both.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> [pairs.first.tolist() for pairs in complete_pairs(ones, ones, 90)]
    [[0, 1, 2]]
    """
    orders = [np.argsort(patterns.counts, kind="stable") for patterns in (first, second)]
    one = first[orders[0]]
    two = one if first is second else second[orders[1]]
    need, waiting = least_shared(percent, first.length), deque[tuple[RowNumbers, RowNumbers, Future[Shared]]]()

    def ended(most: int) -> Iterator[Shared]:
        """Yield the pairs of the first unfinished tiles, until at most `most` tiles remain."""
        while len(waiting) > most:
            numbers, others, tile = waiting.popleft()
            pairs = tile.result()
            yield pairs._replace(first=numbers[pairs.first], second=others[pairs.second])

    with several_threads() as pool:
        for rows, columns in _tiles(one, two, percent):
            searching = pool.submit(_close, one[rows], two[columns], need)
            waiting.append((orders[0][rows], orders[1][columns], searching))
            yield from ended(2 * THREADS)
        yield from ended(0)


def cost_of_a_pair(first: Patterns, second: Patterns, percent: int) -> float:
    """Estimate from samples of two sets the nanoseconds of one core for comparing a pair of them."""
    need = least_shared(percent, first.length)[first.counts[:, None] + second.counts]
    allowed = need <= np.minimum(first.counts[:, None], second.counts)
    pair = PAIR if kernel.functions else BY_NUMPY
    return float(pair * allowed.mean() + FOUND * (all_shared(first.words, second.words) >= need).mean())


def _tiles(first: Patterns, second: Patterns, percent: int) -> Iterator[tuple[slice, slice]]:
    """Yield tiles of sorted patterns with all pairs that bit counts allow; for a set and itself, one side."""
    for start in range(0, len(first), ROWS):
        low, high = first.counts[start : start + ROWS][[0, -1]]
        begin = int(np.searchsorted(second.counts, percent * low / 100))
        end = int(np.searchsorted(second.counts, 100 * high / percent, "right"))
        for other in range(max(begin, start) if first is second else begin, end, COLUMNS):
            yield slice(start, start + ROWS), slice(other, min(other + COLUMNS, end))


def _close(block: Patterns, others: Patterns, need: Counts) -> Shared:
    if compiled := kernel.functions:
        allowed = np.arange(len(need)) - 2 * need  # differing bits, by a + b
        found = [np.empty(len(block) * len(others), np.int64) for _ in Shared._fields]
        sides = [part for side in (block, others) for part in (side.words, side.counts, side.eighths, len(side))]
        count = compiled.close_pairs(*sides, block.words.shape[1], allowed, *found)
        return Shared._make(part[:count].copy() for part in found)
    parts = []
    for start in range(0, len(block), STRIP):
        strip = block[start : start + STRIP]
        shared = all_shared(strip.words, others.words)
        i, j = np.divmod(np.flatnonzero(shared >= need[strip.counts[:, None] + others.counts]), len(others))
        parts.append(Shared(i + start, j, shared[i, j].astype(np.int64)))
    return Shared._make(map(np.concatenate, zip(*parts, strict=True)))
