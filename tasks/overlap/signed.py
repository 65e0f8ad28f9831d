"""Bit patterns signed by MinHash: a key for each band of their signatures."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.overlap.bands import Bands
from tasks.overlap.jaccard import Words
from tasks.overlap.minhash import signatures
from tasks.overlap.patterns import Patterns
from tasks.vocabulary.arrays import RowNumbers

SignedOn = Literal["set", "unset"]
SIDES: tuple[SignedOn, ...] = get_args(SignedOn)
Keys = NDArray[np.uint32]
BLOCK = 32_768  # patterns that are signed at a time
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no bit of a key is lost when it is multiplied
HALF = np.uint64(32)  # bits
PLACE = np.uint64(0xFFFFFFFF)  # of a word


@dataclass(frozen=True)
class Signed:
    """Patterns that were signed on one side: which rows, int64 (n,), and their keys, uint32 (bands, n).

    They are ordered by the bits that are set in them: patterns of about as many bits as another has are neighbours.
    `place` is the place of each pattern among these rows, -1 where it was not signed on that side.
    """

    patterns: Patterns
    rows: RowNumbers
    place: RowNumbers
    keys: Keys

    @classmethod
    def on(cls, side: SignedOn, patterns: Patterns, percent: int, bands: Bands, seed: int) -> "Signed":
        """Sign those patterns of which a near-duplicate may be found on a side."""
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


def _band_keys(side: SignedOn, patterns: Patterns, rows: RowNumbers, bands: Bands, seed: int) -> Keys:
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
