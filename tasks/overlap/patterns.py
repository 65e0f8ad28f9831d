"""Packed bit patterns and their two-sided Jaccard similarity, compared in integers.

Two patterns of the same length N are near-duplicates at p percent if the Jaccard similarity of their set bits and the
one of their unset bits are both at least p / 100. With a and b set bits, i of them shared, the two sides are

    i / (a + b - i)   and   (N - a - b + i) / (N - i)

and both conditions, solved for i, require a minimum that depends only on a + b:

    i >= p (a + b) / (100 + p)   and   i >= (100 (a + b) - (100 - p) N) / (100 + p)

So a table of 2 N + 1 integers decides every pair exactly, from one population count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits, Mask, RowNumbers

AT_ONCE = 16_384  # pairs to count at a time, so that their bits stay in the cache
EIGHTHS = 8
CHUNK = 1 << 19  # pairs to verify at a time: about 100 MB
Words = NDArray[np.uint64]
Counts = NDArray[np.int64]


def least_shared(percent: int, length: int) -> NDArray[np.int64]:
    """Return, for each sum a + b of two bit counts, how many bits near-duplicates at a whole percent must share.

    For 1 to 100 percent and N bits per pattern it is int64 (2 N + 1,); compare with ``shared >= table[a + b]``.

    >>> table = least_shared(50, 8)  # two patterns of 2 bits that share 1 have a Jaccard similarity of only 1/3
    >>> int(table[2 + 2])
    2
    """
    total = np.arange(2 * length + 1)
    for_set = -(-percent * total // (100 + percent))
    for_unset = -(-(100 * total - (100 - percent) * length) // (100 + percent))
    return np.maximum(for_set, for_unset)


def shared_bits(first: Words, second: Words, i: NDArray[np.integer], j: NDArray[np.integer]) -> Counts:
    """Return how many set bits ``first[i]`` and ``second[j]`` share, pair by pair."""
    shared = np.empty(len(i), np.int64)
    for start in range(0, len(i), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        words = np.take(first, i[part], axis=0)
        words &= np.take(second, j[part], axis=0)
        count = np.zeros(len(words), np.uint16)
        for column in np.bitwise_count(words).T:  # of a dozen, which is quicker than a sum along the shorter axis
            count += column
        shared[part] = count
    return shared


def all_shared(first: Words, second: Words) -> NDArray[np.uint16]:
    """Return how many set bits each two patterns of both sides share, uint16 (first, second)."""
    shared = np.zeros((len(first), len(second)), np.uint16)
    for word in range(first.shape[1]):
        shared += np.bitwise_count(first[:, word, None] & second[None, :, word])
    return shared


def similarity(a: Counts, b: Counts, shared: Counts, length: int) -> NDArray[np.float64]:
    """Return the two-sided Jaccard similarity in [0, 1], the smaller of both sides; two empty sets have 1.

    Equal fractions give equal floats and different ones different floats, since no denominator exceeds `length`.

    >>> similarity(np.array([4, 0]), np.array([5, 0]), np.array([4, 0]), 8).tolist()
    [0.75, 1.0]
    """
    union, unset_shared, unset_union = a + b - shared, length - a - b + shared, length - shared
    on = np.divide(shared, union, out=np.ones(len(shared)), where=union > 0)
    off = np.divide(unset_shared, unset_union, out=np.ones(len(shared)), where=unset_union > 0)
    return np.minimum(on, off)


def whole_percent(similarities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the largest whole percent that each similarity reaches.

    A similarity is a fraction k / n with n of at most a few thousand bits, so 100 k / n is an integer, or at least
    1 / n away from one: the allowance for rounding cannot lift it over a percent.

    >>> whole_percent(np.array([0.57, 0.95, 749 / 784, -1.0])).tolist()
    [57, 95, 95, -100]
    """
    return np.floor(100 * similarities + 1e-6).astype(np.int64)


class Shared(NamedTuple):
    """Verified pairs: numbers of their patterns, int64 (n,), and numbers of shared set bits, int64 (n,)."""

    first: RowNumbers
    second: RowNumbers
    shared: Counts


@dataclass(frozen=True)
class Patterns:
    """Bit patterns: packed bytes as words, padded with unset bits, set bits of each, and bits per pattern.

    `eighths`, uint8 (n, 8), are the set bits of eight parts of each pattern, at most 255. Two patterns differ in at
    least as many bits as these counts differ.

    >>> Patterns.of(np.array([[255, 1], [0, 0]], np.uint8), 16).counts.tolist()
    [9, 0]
    """

    words: Words
    counts: Counts
    eighths: Bits
    length: int

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def blank(self) -> Mask:
        """Which patterns have all bits equal, so they do not describe an image."""
        return (self.counts == 0) | (self.counts == self.length)

    def __getitem__(self, rows: slice | RowNumbers | Mask) -> "Patterns":
        return Patterns(self.words[rows], self.counts[rows], self.eighths[rows], self.length)

    @classmethod
    def joined(cls, parts: Sequence["Patterns"]) -> "Patterns":
        """Return the patterns of several sets."""
        words, counts = (np.concatenate([getattr(part, name) for part in parts]) for name in ("words", "counts"))
        return cls(words, counts, np.concatenate([part.eighths for part in parts]), parts[0].length)

    @classmethod
    def of(cls, bits: Bits, length: int) -> "Patterns":
        """Wrap packed bits, uint8 (n, ceil(length / 8))."""
        words = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)
        ones, eighths = np.bitwise_count(words), np.zeros((len(words), EIGHTHS), np.uint16)
        for number, column in enumerate(ones.T):
            eighths[:, EIGHTHS * number // words.shape[1]] += column
        return cls(words, ones.sum(axis=1, dtype=np.int64), np.minimum(eighths, 255).astype(np.uint8), length)


def by_row(forms: Sequence[Patterns]) -> Patterns:
    """Return all forms of the first row, then of the second, and so on; every form has all rows."""
    numbers = np.arange(len(forms) * len(forms[0])).reshape(len(forms), len(forms[0]))
    return Patterns.joined(forms)[numbers.T.ravel()]


def verified(first: Patterns, second: Patterns, i: RowNumbers, j: RowNumbers, need: Counts) -> Shared:
    """Keep the candidates that are near-duplicates; bit counts rule out most of the others early."""
    a, b = first.counts[i], second.counts[j]
    least = need[a + b]
    possible = np.flatnonzero(least <= np.minimum(a, b))
    i, j, least = i[possible], j[possible], least[possible]
    shared = shared_bits(first.words, second.words, i, j)
    near = np.flatnonzero(shared >= least)
    return Shared(i[near], j[near], shared[near])
