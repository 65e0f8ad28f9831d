"""Find near-duplicate pairs between two sets of bit patterns by MinHash.

Patterns meet in the bands of their signatures, and every candidate is verified, so precision is 1. For independent
hash positions recall is what `tasks.overlap.bands.Bands` states; on patterns that share structure it can be lower,
since all pairs are judged by the same positions. Verified pairs are yielded in chunks, in bounded memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.overlap.bands import Bands
from tasks.overlap.jaccard import Counts, least_shared
from tasks.overlap.minhash import signatures
from tasks.overlap.patterns import CHUNK, Pairs, Patterns, verified
from tasks.vocabulary.arrays import Mask, RowNumbers

SignedOn = Literal["set", "unset"]
SIDES: tuple[SignedOn, ...] = get_args(SignedOn)
HEAVY = 128  # comparisons per row of a bucket above which only neighbours are compared, see `_neighbours`
NEIGHBOURS = 32
AT_ONCE = 250_000  # patterns of either set whose keys are in memory: of 96 bands, 200 MB
BLOCK = 32_768  # patterns that are signed at a time
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no bit of a key is lost when it is multiplied


def lsh_pairs(first: Patterns, second: Patterns, percent: int, bands: Bands, seed: int) -> Iterator[Pairs]:
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
    seed : int
        Of the hash positions.

    >>> ones = Patterns.of(np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1), 16)
    >>> found = lsh_pairs(ones, ones, 90, Bands(2, 4), seed=1)
    >>> sorted({pair for pairs in found for pair in zip(pairs.first.tolist(), pairs.second.tolist())})
    [(0, 0), (1, 1), (2, 2)]
    """
    for start, other in product(range(0, len(first), AT_ONCE), range(0, len(second), AT_ONCE)):
        sides = first[start : start + AT_ONCE], second[other : other + AT_ONCE]
        for pairs in _join(*sides, percent, bands, seed):
            yield pairs._replace(first=pairs.first + start, second=pairs.second + other)


@dataclass(frozen=True)
class Signed:
    """Patterns that were signed on one side: which rows, int64 (n,), and their keys, uint64 (bands, n).

    `place` is the place of each pattern among these rows, -1 where it was not signed on that side.
    """

    patterns: Patterns
    rows: RowNumbers
    place: RowNumbers
    keys: NDArray[np.uint64]

    @classmethod
    def on(cls, side: SignedOn, patterns: Patterns, percent: int, bands: Bands, seed: int) -> "Signed":
        """Sign those patterns of which a near-duplicate may be found on a side."""
        counts = patterns.counts if side == "set" else patterns.length - patterns.counts
        rows = np.flatnonzero((100 + percent) * counts <= 100 * patterns.length)
        place = np.full(len(patterns), -1)
        place[rows] = np.arange(len(rows))
        return cls(patterns, rows, place, _band_keys(side, patterns, rows, bands, seed))


def met(first: Signed, second: Signed, band: int, need: Counts) -> Iterator[Pairs]:
    """Yield the near-duplicate pairs that meet in a band; `need` is what `least_shared` gives."""
    for i, j in _meetings(first.keys, second.keys, band):
        pairs = verified(first.patterns, second.patterns, first.rows[i], second.rows[j], need)
        if len(pairs.first):
            yield pairs


def _join(first: Patterns, second: Patterns, percent: int, bands: Bands, seed: int) -> Iterator[Pairs]:
    need = least_shared(percent, first.length)
    before: list[tuple[Signed, Signed]] = []
    for side in SIDES:
        one, two = (Signed.on(side, patterns, percent, bands, seed) for patterns in (first, second))
        for band in range(bands.bands):
            for pairs in met(one, two, band, need):
                new = _met_nowhere(pairs, one, two, band)
                for earlier in before:
                    new &= _met_nowhere(pairs, *earlier, bands.bands)
                yield pairs._replace(fresh=new)
        before.append((one, two))


def _band_keys(side: SignedOn, patterns: Patterns, rows: RowNumbers, bands: Bands, seed: int) -> NDArray[np.uint64]:
    """Return one 64-bit key per band and row, uint64 (bands, n); equal rows of a band give equal keys."""
    keys = np.zeros((bands.bands, len(rows)), np.uint64)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        bits = patterns.bits[rows[part]]
        signs = signatures(bits if side == "set" else ~bits, patterns.length, bands.bands * bands.rows, seed)
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


def _met_nowhere(pairs: Pairs, first: Signed, second: Signed, bands: int) -> Mask:
    """Return, for each pair, whether it agrees in none of the first bands: so it is counted once without a list."""
    new = np.ones(len(pairs.first), np.bool_)
    here, there = first.place[pairs.first], second.place[pairs.second]
    signed = np.flatnonzero((here >= 0) & (there >= 0))
    for keys_i, keys_j in zip(first.keys[:bands], second.keys[:bands], strict=True):
        new[signed] &= keys_i[here[signed]] != keys_j[there[signed]]
    return new
