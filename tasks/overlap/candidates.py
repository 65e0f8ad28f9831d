"""Find similar pairs of bit patterns by MinHash: those are compared that meet in a band of their signatures.

Every candidate is verified, so precision is 1. For independent hash positions recall is what
`tasks.overlap.minhash.Bands` states; on patterns that share structure it can be lower, since the same positions judge
all pairs. Pairs are yielded in chunks, in bounded memory, and again in every band in which they meet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Floats, RowNumbers
from tasks.overlap.minhash import Bands, signatures
from tasks.overlap.patterns import CHUNK, Counts, Patterns, Shared, Words, least_shared, verified

SignedOn = Literal["set", "unset"]
SIDES: tuple[SignedOn, ...] = get_args(SignedOn)
AT_ONCE = 250_000  # patterns of either set whose keys are in memory: of 96 bands, 100 MB
BLOCK = 32_768  # patterns that are signed at a time
HEAVY = 128  # comparisons per row of a bucket above which only neighbours are compared, see `_neighbours`
NEIGHBOURS = 32
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no bit of a key is lost when it is multiplied
HALF = np.uint64(32)  # bits
PLACE = np.uint64(0xFFFFFFFF)  # of a word
SLACK = 1e-9  # bits: more than double precision can err by


def lsh_pairs(first: Patterns, second: Patterns, percent: int, bands: Bands, seed: int) -> Iterator[Shared]:
    """Yield near-duplicate pairs that MinHash finds.

    Each pattern is signed on its sparser side: its set bits where ``(1 + t) * set <= length``, its
    unset bits where ``(1 + t) * unset <= length``, and both where it is near one half. Every near
    pair is signed on a common side: if A were signed only by its set bits and B only by its unset
    bits, then ``|A| < length * t / (1 + t)`` and ``|B| > length / (1 + t)``, so ``J <= |A| / |B| < t``.

    Parameters
    ----------
    first, second : Patterns
        Of equal length.
    percent : int
        Similarity in whole percent from which a pair counts.
    bands : Bands
    seed : int
        Of the hash positions.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> found = lsh_pairs(ones, ones, 90, Bands(2, 4), seed=1)
    >>> sorted({pair for pairs in found for pair in zip(pairs.first.tolist(), pairs.second.tolist())})
    [(0, 0), (1, 1), (2, 2)]
    """
    need, least = least_shared(percent, first.length), np.full(AT_ONCE, percent / 100)
    for start, other in product(range(0, len(first), AT_ONCE), range(0, len(second), AT_ONCE)):
        for side in SIDES:
            one = Signed.on(side, first[start : start + AT_ONCE], percent, bands, seed)
            two = Signed.on(side, second[other : other + AT_ONCE], percent, bands, seed)
            for band in range(bands.bands):
                for pairs in met(one.sorted_by(band), two.sorted_by(band), need, least):
                    yield pairs._replace(first=pairs.first + start, second=pairs.second + other)


@dataclass(frozen=True)
class Signed:
    """Patterns that were signed on one side: which rows, int64 (n,), and their keys, uint32 (bands, n).

    They are ordered by the number of their set bits: patterns with about as many bits as another are neighbours.
    `place` is the place of each pattern among these rows, -1 where it was not signed on that side.
    """

    patterns: Patterns
    rows: RowNumbers
    place: RowNumbers
    keys: NDArray[np.uint32]

    @classmethod
    def on(cls, side: SignedOn, patterns: Patterns, percent: int, bands: Bands, seed: int) -> "Signed":
        """Sign those patterns that may have a near-duplicate found on a side."""
        counts = patterns.counts if side == "set" else patterns.length - patterns.counts
        rows = np.flatnonzero((100 + percent) * counts <= 100 * patterns.length)
        rows = rows[np.argsort(patterns.counts[rows], kind="stable")]
        place = np.full(len(patterns), -1)
        place[rows] = np.arange(len(rows))
        return cls(patterns, rows, place, _band_keys(side, patterns, rows, bands, seed))

    @cached_property
    def starts(self) -> Words:
        """The place of the first one with at least so many bits, uint64 (length + 2,)."""
        counts = self.patterns.counts[self.rows]
        return np.searchsorted(counts, np.arange(self.patterns.length + 2)).astype(np.uint64)

    def sorted_by(self, band: int) -> "Sorted":
        """Return them in the order of their keys in a band, and of their places where these are equal."""
        words = self.keys[band].astype(np.uint64)
        words <<= HALF
        words |= np.arange(len(words), dtype=np.uint64)
        words.sort()  # numbers, which takes an eighteenth of the time that sorting their places takes
        return Sorted(self, band, words, self.rows[(words & PLACE).astype(np.int64)])


class Sorted(NamedTuple):
    """Signed patterns in the order of a band: words of key and place, uint64 (n,), and their rows, int64 (n,)."""

    signed: Signed
    band: int
    words: Words
    rows: RowNumbers


def _band_keys(side: SignedOn, patterns: Patterns, rows: RowNumbers, bands: Bands, seed: int) -> NDArray[np.uint32]:
    """Return one key per band and row, uint32 (bands, n); equal rows of a band give equal keys.

    Others seldom do, and what meets is verified: of a million patterns and a hundred thousand, 23 pairs a band.
    """
    keys = np.empty((bands.bands, len(rows)), np.uint32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        bits = patterns.bits[rows[part]]
        signs = signatures(bits if side == "set" else ~bits, patterns.length, bands.bands * bands.rows, seed)
        mixed = np.zeros((bands.bands, len(bits)), np.uint64)
        for row in range(bands.rows):
            mixed += signs[row :: bands.rows]
            mixed *= MIX
            mixed ^= mixed >> HALF
        keys[:, part] = mixed >> HALF
    return keys


def met(first: Sorted, second: Sorted, need: Counts, least: Floats) -> Iterator[Shared]:
    """Yield the near-duplicate pairs that meet in a band, by which both are sorted.

    Parameters
    ----------
    first, second : Sorted
        The first should be the smaller one.
    need : ndarray
        What `tasks.overlap.patterns.least_shared` gives.
    least : ndarray
        float64 (n,), above 0: for each pattern of the first, the Jaccard similarity of set bits from which a pair is of
        interest. Those whose numbers of bits forbid it are passed over where they lie: a bucket is ordered by these.
    """
    for i, j in _meetings(first, second, least):
        yield verified(first.signed.patterns, second.signed.patterns, i, j, need)


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
