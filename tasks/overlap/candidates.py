"""Find all near-duplicate pairs between two sets of bit patterns.

`lsh_pairs` joins by MinHash bands and verifies every candidate, so its precision is 1 and its
recall is what `tasks.overlap.bands.Bands` states. `exact_pairs` compares all pairs that the
bit counts allow, so its recall is 1 too. Both yield verified pairs in chunks, in bounded memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.overlap.bands import Bands
from tasks.overlap.jaccard import Counts, Words, count_bits, least_shared, shared_bits, to_words
from tasks.overlap.minhash import signatures
from tasks.vocabulary.arrays import Bits, Mask, RowNumbers

CHUNK = 1 << 19  # candidate pairs at a time: about 100 MB while they are verified
HEAVY = 128  # comparisons per row of a bucket above which only neighbours are compared, see `_neighbours`
NEIGHBOURS = 32
AT_ONCE = 250_000  # patterns of the first set whose keys are in memory: of 96 bands, 400 MB
BLOCK = 2048  # patterns per side of a block of the exact join
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no bit of a key is lost when it is multiplied


class Pairs(NamedTuple):
    """Verified pairs: rows of both sets, set bits that they share, and whether a pair is new in the stream."""

    first: RowNumbers
    second: RowNumbers
    shared: Counts
    fresh: Mask


@dataclass(frozen=True)
class Patterns:
    """Distinct bit patterns: packed bytes, the same as words, set bits of each, and bits per pattern."""

    bits: Bits
    words: Words
    counts: Counts
    length: int

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: slice) -> "Patterns":
        return Patterns(self.bits[rows], self.words[rows], self.counts[rows], self.length)

    @classmethod
    def of(cls, bits: Bits, length: int) -> "Patterns":
        """Wrap packed bits, uint8 (n, ceil(length / 8))."""
        words = to_words(bits)
        return cls(bits, words, count_bits(words), length)


def lsh_pairs(first: Patterns, second: Patterns, percent: int, bands: Bands) -> Iterator[Pairs]:
    """Yield near-duplicate pairs found by MinHash; a pair may be repeated with ``fresh`` false.

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

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> [(i, j) for pairs in lsh_pairs(ones, ones, 90, Bands(2, 4)) for i, j in zip(*map(list, pairs[:2])) if i != j]
    []
    """
    for start in range(0, len(first), AT_ONCE):
        for pairs in _join(first[start : start + AT_ONCE], second, percent, bands):
            yield pairs._replace(first=pairs.first + start)


def _join(first: Patterns, second: Patterns, percent: int, bands: Bands) -> Iterator[Pairs]:
    need = least_shared(percent, first.length)
    keys_before: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []
    for side in ("set", "unset"):
        rows = [_signed_on(side, patterns, percent) for patterns in (first, second)]
        keys = [_band_keys(side, patterns, at, bands) for patterns, at in zip((first, second), rows, strict=True)]
        for band in range(bands.bands):
            for i, j in _meetings(keys[0], keys[1], band):
                pairs = _verify(first, second, rows[0][i], rows[1][j], need)
                if len(pairs.first):
                    yield pairs._replace(fresh=_is_new(pairs, keys_before))
            keys_before.append((_spread(keys[0][band], rows[0], first), _spread(keys[1][band], rows[1], second)))


def exact_pairs(first: Patterns, second: Patterns, percent: int) -> Iterator[Pairs]:
    """Yield every near-duplicate pair once, from all pairs whose bit counts allow it.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> [pairs.first.tolist() for pairs in exact_pairs(ones, ones, 90)]
    [[0, 1, 2]]
    """
    need = least_shared(percent, first.length).astype(np.float32)
    orders = [np.argsort(patterns.counts, kind="stable") for patterns in (first, second)]
    counts = first.counts[orders[0]], second.counts[orders[1]]
    for start in range(0, len(orders[0]), BLOCK):
        block = slice(start, start + BLOCK)
        left = _unpack(first, orders[0][block])
        low, high = _possible_counts(counts[0][block], percent, first.length)
        begin, end = np.searchsorted(counts[1], low), np.searchsorted(counts[1], high, side="right")
        for other in range(begin, end, BLOCK):
            opposite = slice(other, min(other + BLOCK, end))
            shared = left @ _unpack(second, orders[1][opposite]).T
            total = counts[0][block][:, None] + counts[1][opposite][None, :]
            i, j = np.nonzero(shared >= need[total])
            found = shared[i, j].astype(np.int64)
            yield Pairs(orders[0][block][i], orders[1][opposite][j], found, np.ones(len(i), np.bool_))


def _signed_on(side: str, patterns: Patterns, percent: int) -> RowNumbers:
    counts = patterns.counts if side == "set" else patterns.length - patterns.counts
    return np.flatnonzero((100 + percent) * counts <= 100 * patterns.length)


def _band_keys(side: str, patterns: Patterns, rows: RowNumbers, bands: Bands) -> NDArray[np.uint64]:
    """Return one 64-bit key per band and row, uint64 (bands, n); equal rows of a band give equal keys."""
    keys = np.zeros((bands.bands, len(rows)), np.uint64)
    for start in range(0, len(rows), BLOCK * 16):
        part = slice(start, start + BLOCK * 16)
        bits = patterns.bits[rows[part]]
        signs = signatures(bits if side == "set" else ~bits, patterns.length, bands.bands * bands.rows)
        for row in range(bands.rows):
            mixed = (keys[:, part] + signs[row :: bands.rows]) * MIX
            keys[:, part] = mixed ^ (mixed >> np.uint64(32))
    return keys


def _meetings(
    keys_i: NDArray[np.uint64], keys_j: NDArray[np.uint64], band: int
) -> Iterator[tuple[RowNumbers, RowNumbers]]:
    """Yield all (i, j) whose keys of one band agree, at most about `CHUNK` at a time."""
    order_i, order_j = np.argsort(keys_i[band], kind="stable"), np.argsort(keys_j[band], kind="stable")
    sorted_i, sorted_j = keys_i[band][order_i], keys_j[band][order_j]
    begin, end = np.searchsorted(sorted_j, sorted_i), np.searchsorted(sorted_j, sorted_i, side="right")
    meet = np.flatnonzero(end > begin)
    order_i, begin, size = order_i[meet], begin[meet], (end - begin)[meet]
    _, bucket, rows = np.unique(begin, return_inverse=True, return_counts=True)
    heavy = _is_heavy(rows[bucket], size)
    for one in np.unique(bucket[heavy]):
        inside = np.flatnonzero(bucket == one)
        j = order_j[begin[inside[0]] : begin[inside[0]] + size[inside[0]]]
        yield from _neighbours(keys_i, keys_j, order_i[inside], j, band)
    order_i, begin, size = order_i[~heavy], begin[~heavy], size[~heavy]
    chunk = np.cumsum(size) // CHUNK  # a row's pairs all go with its last one
    for part in np.split(np.arange(len(size)), np.flatnonzero(np.diff(chunk)) + 1):
        count = size[part]
        offsets = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        yield np.repeat(order_i[part], count), order_j[np.repeat(begin[part], count) + offsets]


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


def _verify(first: Patterns, second: Patterns, i: RowNumbers, j: RowNumbers, need: NDArray[np.int64]) -> Pairs:
    """Keep the candidates that are near-duplicates; bit counts alone refuse most of the others."""
    a, b = first.counts[i], second.counts[j]
    least = need[a + b]
    possible = np.flatnonzero(least <= np.minimum(a, b))
    i, j, least = i[possible], j[possible], least[possible]
    shared = shared_bits(first.words, second.words, i, j)
    near = np.flatnonzero(shared >= least)
    return Pairs(i[near], j[near], shared[near], np.ones(len(near), np.bool_))


def _is_new(pairs: Pairs, before: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]]) -> Mask:
    """Return, for each pair, whether it agreed in no earlier band: so pairs are counted once without listing them."""
    new = np.ones(len(pairs.first), np.bool_)
    for keys_i, keys_j in before:
        here, there = keys_i[pairs.first], keys_j[pairs.second]
        new &= (here != there) | (here == 0)
    return new


def _spread(keys: NDArray[np.uint64], rows: RowNumbers, patterns: Patterns) -> NDArray[np.uint64]:
    """Return the keys of one band by pattern; 0 where a pattern was not signed on that side."""
    spread = np.zeros(len(patterns.counts), np.uint64)
    spread[rows] = keys
    return spread


def _unpack(patterns: Patterns, rows: RowNumbers) -> NDArray[np.float32]:
    return np.unpackbits(patterns.bits[rows], axis=1, count=patterns.length).astype(np.float32)


def _possible_counts(counts: Counts, percent: int, length: int) -> tuple[int, int]:
    """Return the smallest and largest bit count that a near-duplicate of one of `counts` can have."""
    low, high = int(counts.min()), int(counts.max())
    unset_low, unset_high = length - high, length - low
    least = max(-(-percent * low // 100), length - 100 * unset_high // percent)
    most = min(100 * high // percent, length + (-percent * unset_low // 100))
    return least, most
