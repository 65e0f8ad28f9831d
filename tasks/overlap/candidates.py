"""Find similar pairs of bit patterns by MinHash: a pair is compared if a band of its signatures is equal.

Every candidate is verified, so precision is 1. `tasks.overlap.minhash.Bands` states the recall for independent hash
positions; it can be lower if patterns share structure. Pairs come in bounded chunks, and again for each equal band.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import RowNumbers
from tasks.overlap.minhash import Bands, signatures
from tasks.overlap.patterns import CHUNK, Counts, Patterns, Shared, Words, least_shared, verified
from tasks.threads import several_threads

AT_ONCE = 250_000  # patterns of each set with keys in memory: 100 MB for 96 bands
BLOCK = 8_192  # patterns to sign at a time
HEAVY = 128  # limit of comparisons per row of a bucket; beyond it only neighbours are compared, see `_neighbours`
NEIGHBOURS = 32
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplication loses no bit of a key
HALF = np.uint64(32)  # bits


def lsh_pairs(first: Patterns, second: Patterns, percent: int, bands: Bands) -> Iterator[Shared]:
    """Yield pairs of equally long patterns that MinHash finds and that reach a similarity in whole percent.

    Each pattern is signed on its sparser side: its set bits if ``(1 + t) * set <= length``, its unset bits if
    ``(1 + t) * unset <= length``, and both if about half are set. Every near pair is signed on a common side: if A were
    signed only by its set bits and B only by its unset bits, then ``|A| < length * t / (1 + t)`` and ``|B| >
    length / (1 + t)``, so ``J <= |A| / |B| < t``. The hash positions are drawn from the seed of the bands.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> found = lsh_pairs(ones, ones, 90, Bands(2, 4, seed=1))
    >>> sorted({pair for pairs in found for pair in zip(pairs.first.tolist(), pairs.second.tolist())})
    [(0, 0), (1, 1), (2, 2)]
    """
    need = least_shared(percent, first.length)

    def signed(patterns: Patterns, start: int, unset: bool) -> Signed:
        some = patterns[start : start + AT_ONCE]
        numbers = np.arange(start, start + len(some))
        return Signed.of(some, numbers, numbers, percent, bands, unset)

    for start, other in product(range(0, len(first), AT_ONCE), range(0, len(second), AT_ONCE)):
        for unset in (False, True):
            one, two = signed(first, start, unset), signed(second, other, unset)
            for band in range(bands.bands):
                for i, j, shared in met(one.sorted_by(band), two.sorted_by(band), need):
                    yield Shared(one.numbers[i], two.numbers[j], shared)


@dataclass(frozen=True)
class Signed:
    """Patterns that were signed by set or by unset bits, and their keys, uint32 (bands, n).

    Each has the number of its row or image, and its group, int64 (n,); see `tasks.overlap.nearest.nearest`. They are
    sorted by their first key, so that patterns to compare are near each other in memory.
    """

    patterns: Patterns
    numbers: RowNumbers
    groups: RowNumbers
    keys: NDArray[np.uint32]

    @classmethod
    def of(
        cls,
        patterns: Patterns,
        numbers: RowNumbers,
        groups: RowNumbers,
        percent: int,
        bands: Bands,
        unset: bool = False,
    ) -> "Signed":
        """Sign the set bits of the patterns, or the unset ones, if they may be the sparser side of a near-duplicate.

        Equal rows of a band have equal keys. Unequal rows seldom do, and their pairs are verified.
        """
        counts = patterns.length - patterns.counts if unset else patterns.counts
        rows = np.flatnonzero((100 + percent) * counts <= 100 * patterns.length)
        keys = np.empty((bands.bands, len(rows)), np.uint32)

        def sign(start: int) -> None:
            part = slice(start, start + BLOCK)
            bits = patterns.words[rows[part]].view(np.uint8)
            signs = signatures(~bits if unset else bits, patterns.length, bands.bands * bands.rows, bands.seed)
            mixed = np.zeros((bands.bands, len(bits)), np.uint64)
            for row in range(bands.rows):
                mixed += signs[row :: bands.rows]
                mixed *= MIX
            keys[:, part] = mixed >> HALF

        with several_threads() as pool:
            list(pool.map(sign, range(0, len(rows), BLOCK)))
        order = np.argsort(keys[0], kind="stable")
        for own in keys:  # one by one, since all take a lot of memory
            own[:] = own[order]
        rows = rows[order]
        return cls(patterns[rows], numbers[rows], groups[rows], keys)

    def sorted_by(self, band: int) -> "Sorted":
        """Return the signed patterns sorted by their keys in a band."""
        words = self.keys[band].astype(np.uint64) << HALF | np.arange(len(self.numbers), dtype=np.uint64)
        words.sort()  # values, which takes an eighteenth of the time of argsort
        return Sorted(self, band, words)

    @cached_property
    def records(self) -> Words:
        """What the kernel reads about each pattern, uint64 (n, words + 4), in one place."""
        facts = self.patterns.eighths.view(np.uint64), self.patterns.counts, self.numbers, self.groups
        return np.column_stack([self.patterns.words, *(fact.astype(np.uint64) for fact in facts)])


class Sorted(NamedTuple):
    """Signed patterns sorted by a band: keys with positions in `signed` in their lower halves, uint64 (n,)."""

    signed: Signed
    band: int
    words: Words

    @property
    def keys(self) -> Words:
        """The keys, ascending, uint64 (n,)."""
        return self.words >> HALF

    @property
    def places(self) -> RowNumbers:
        """The positions in `signed`, int64 (n,)."""
        return self.words.astype(np.uint32).astype(np.int64)


def met(first: Sorted, second: Sorted, need: Counts, crowds: Words | None = None) -> Iterator[Shared]:
    """Yield the near-duplicate pairs with equal keys in the band that sorts both sides, or only with keys of `crowds`.

    They have the positions of their patterns in `signed`; `need` is from `tasks.overlap.patterns.least_shared`.
    """
    for i, j in _meetings(first, second) if crowds is None else _in_crowds(first, second, crowds):
        yield verified(first.signed.patterns, second.signed.patterns, i, j, need)


def _in_crowds(first: Sorted, second: Sorted, keys: Words) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    sides = [(side.keys, side.places) for side in (first, second)] if len(keys) else []
    for key in keys:
        i, j = (places[slice(*np.searchsorted(of_all, [key, key + 1]))] for of_all, places in sides)
        yield from _neighbours(first.signed, second.signed, i, j, first.band)


def _meetings(first: Sorted, second: Sorted) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield the positions of pairs with equal keys, about `CHUNK` at a time."""
    keys, places, others = first.keys, first.places, second.places
    begin, end = (np.searchsorted(second.keys, keys, side) for side in ("left", "right"))
    size = end - begin
    own = np.searchsorted(keys, keys, "right") - np.searchsorted(keys, keys)
    heavy = own * size > HEAVY * (own + size)  # comparing all would take quadratic time
    yield from _in_crowds(first, second, np.unique(keys[heavy]))
    meet = np.flatnonzero((size > 0) & ~heavy)
    chunk = np.cumsum(size[meet]) // CHUNK  # keeps the pairs of a row together
    for some in np.split(meet, np.flatnonzero(np.diff(chunk)) + 1):
        count = size[some]
        offsets = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        yield np.repeat(places[some], count), others[np.repeat(begin[some], count) + offsets]


def _neighbours(
    first: Signed, second: Signed, i: RowNumbers, j: RowNumbers, band: int
) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield the pairs of a bucket that is too large to compare, if they are close in the order of the next bands.

    Each row of the larger side meets `NEIGHBOURS` rows of the other, so the work is linear. A pair must be equal in two
    bands rather than one to be compared for certain.
    """
    if len(i) < len(j):
        yield from ((mine, theirs) for theirs, mine in _neighbours(second, first, j, i, band))
        return
    following = [(band + step) % len(first.keys) for step in (3, 2, 1)]
    keys = [np.append(first.keys[b][i], second.keys[b][j]) for b in following]
    # Finally, patterns that are equal in all of these are spread evenly, so that both sides interleave.
    even = np.append(*(np.arange(len(side), dtype=np.uint64) * MIX for side in (i, j)))
    place = np.argsort(np.lexsort([even, *keys]))
    of_i, of_j = place[: len(i)], place[len(i) :]
    i, j, width = i[np.argsort(of_i)], j[np.argsort(of_j)], min(NEIGHBOURS, len(j))
    nearest = np.searchsorted(np.sort(of_j), np.sort(of_i)) - width // 2
    start = np.clip(nearest, 0, len(j) - width)
    for begin in range(0, len(i), CHUNK // width):
        part = slice(begin, begin + CHUNK // width)
        yield np.repeat(i[part], width), j[(start[part][:, None] + np.arange(width)).ravel()]
