"""Find near-duplicate pairs between two sets of bit patterns by MinHash.

Patterns meet in the bands of their signatures, and every candidate is verified, so precision is 1. For independent
hash positions recall is what `tasks.overlap.bands.Bands` states; on patterns that share structure it can be lower,
since all pairs are judged by the same positions. Verified pairs are yielded in chunks, in bounded memory.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.jaccard import least_shared
from tasks.overlap.meetings import met
from tasks.overlap.patterns import Pairs, Patterns
from tasks.overlap.signed import SIDES, Signed
from tasks.vocabulary.arrays import Mask

AT_ONCE = 250_000  # patterns of either set whose keys are in memory: of 96 bands, 100 MB


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


def _join(first: Patterns, second: Patterns, percent: int, bands: Bands, seed: int) -> Iterator[Pairs]:
    need, least = least_shared(percent, first.length), np.full(len(first), percent / 100)
    before: list[tuple[Signed, Signed]] = []
    for side in SIDES:
        one, two = (Signed.on(side, patterns, percent, bands, seed) for patterns in (first, second))
        for band in range(bands.bands):
            for pairs in met(one.sorted_by(band), two.sorted_by(band), need, least):
                new = _met_nowhere(pairs, one, two, band)
                for earlier in before:
                    new &= _met_nowhere(pairs, *earlier, bands.bands)
                yield pairs._replace(fresh=new)
        before.append((one, two))


def _met_nowhere(pairs: Pairs, first: Signed, second: Signed, bands: int) -> Mask:
    """Return, for each pair, whether it agrees in none of the first bands: so it is counted once without a list."""
    new = np.ones(len(pairs.first), np.bool_)
    here, there = first.place[pairs.first], second.place[pairs.second]
    signed = np.flatnonzero((here >= 0) & (there >= 0))
    for keys_i, keys_j in zip(first.keys[:bands], second.keys[:bands], strict=True):
        new[signed] &= keys_i[here[signed]] != keys_j[there[signed]]
    return new
