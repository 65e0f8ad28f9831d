"""Bit patterns, verified pairs of them, and what bit counts alone say of a pair."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks.overlap.jaccard import Counts, Words, count_bits, shared_bits, to_words
from tasks.vocabulary.arrays import Bits, Mask, Pixels, RowNumbers

CHUNK = 1 << 19  # pairs that are verified at a time: about 100 MB


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

    def take(self, rows: RowNumbers) -> "Patterns":
        """Return the patterns of some rows, in their order."""
        return Patterns(self.bits[rows], self.words[rows], self.counts[rows], self.length)

    def unpacked(self) -> Pixels:
        """Return the bits as numbers 0 and 1, float32 (n, length)."""
        return np.unpackbits(self.bits, axis=1, count=self.length).astype(np.float32)

    @classmethod
    def of(cls, bits: Bits, length: int) -> "Patterns":
        """Wrap packed bits, uint8 (n, ceil(length / 8))."""
        words = to_words(bits)
        return cls(bits, words, count_bits(words), length)


def verified(first: Patterns, second: Patterns, i: RowNumbers, j: RowNumbers, need: Counts) -> Pairs:
    """Keep the candidates that are near-duplicates; bit counts alone refuse most of the others."""
    a, b = first.counts[i], second.counts[j]
    least = need[a + b]
    possible = np.flatnonzero(least <= np.minimum(a, b))
    i, j, least = i[possible], j[possible], least[possible]
    shared = shared_bits(first.words, second.words, i, j)
    near = np.flatnonzero(shared >= least)
    return Pairs(i[near], j[near], shared[near], np.ones(len(near), np.bool_))


def possible_counts(counts: Counts, percent: int, length: int) -> tuple[int, int]:
    """Return the smallest and largest bit count that a near-duplicate of one of `counts` can have."""
    low, high = int(counts.min()), int(counts.max())
    unset_low, unset_high = length - high, length - low
    least = max(-(-percent * low // 100), length - 100 * unset_high // percent)
    most = min(100 * high // percent, length + (-percent * unset_low // 100))
    return least, most
