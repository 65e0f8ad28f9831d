"""Remember pairs that were found: near copies meet in most bands, and need not be compared in each.

The table has a fixed size, and a pair takes the place of another one that has the same: what is forgotten is compared
again, and nothing is taken for what it is not.
"""

import numpy as np

from tasks.overlap.jaccard import Words
from tasks.overlap.signed import HALF, MIX
from tasks.vocabulary.arrays import RowNumbers

BITS = 20  # of the number of a place: 8 MB, which the near pairs of some bands of 25,000 rows fill
NOTHING = np.uint64(0xFFFFFFFFFFFFFFFF)


class Seen:
    """Pairs of row numbers, each below 2**32."""

    def __init__(self) -> None:
        self._pairs = np.full(1 << BITS, NOTHING)

    def unknown(self, i: RowNumbers, j: RowNumbers) -> RowNumbers:
        """Return which of some pairs are not remembered, int64."""
        pairs = _pairs(i, j)
        return np.flatnonzero(self._pairs.take(_places(pairs)) != pairs)

    def add(self, i: RowNumbers, j: RowNumbers) -> None:
        """Remember pairs."""
        pairs = _pairs(i, j)
        self._pairs[_places(pairs)] = pairs


def _pairs(i: RowNumbers, j: RowNumbers) -> Words:
    pairs = i.astype(np.uint64)
    pairs <<= HALF
    pairs |= j.astype(np.uint64)
    return pairs


def _places(pairs: Words) -> RowNumbers:
    return (pairs * MIX >> np.uint64(64 - BITS)).astype(np.int64)
