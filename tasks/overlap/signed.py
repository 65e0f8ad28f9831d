"""Bit patterns signed by MinHash: a key for each band of their signatures."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.overlap.bands import Bands
from tasks.overlap.minhash import signatures
from tasks.overlap.patterns import Patterns
from tasks.vocabulary.arrays import RowNumbers

SignedOn = Literal["set", "unset"]
SIDES: tuple[SignedOn, ...] = get_args(SignedOn)
BLOCK = 32_768  # patterns that are signed at a time
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no bit of a key is lost when it is multiplied


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

    def sorted_by(self, band: int) -> "Sorted":
        """Return the order of their keys in a band."""
        order = np.argsort(self.keys[band], kind="stable")
        return Sorted(self.keys, band, order, self.keys[band][order])


class Sorted(NamedTuple):
    """Keys of signed patterns, uint64 (bands, n), their order in one of the bands, and the keys of that in order."""

    keys: NDArray[np.uint64]
    band: int
    order: RowNumbers
    in_order: NDArray[np.uint64]


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
