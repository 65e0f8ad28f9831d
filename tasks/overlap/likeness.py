"""How similar any two rows are, measured and not looked up: a pair may have been no candidate."""

import numpy as np

from tasks.overlap.agreements import agreements
from tasks.overlap.exact import as_void
from tasks.overlap.jaccard import shared_bits, similarity
from tasks.overlap.patterns import Patterns
from tasks.overlap.tables import SplitFingerprints
from tasks.vocabulary.arrays import Floats, RowNumbers

AT_ONCE = 1 << 19  # pairs of glyphs that are compared at a time


class Likeness:
    """How similar rows of one split are to rows of another, or of the same.

    Parameters
    ----------
    one, two : SplitFingerprints
    on_pixels : bool
        Whether they are photographs.
    """

    def __init__(self, one: SplitFingerprints, two: SplitFingerprints, on_pixels: bool) -> None:
        self.sides, self.on_pixels = (one, two), on_pixels
        self.digests = as_void(one.side.digests), as_void(two.side.digests)
        first = Patterns.of(one.side.bits, one.length)
        self.patterns = first, first if two is one else Patterns.of(two.side.bits, two.length)

    def of(self, i: RowNumbers, j: RowNumbers) -> Floats:
        """Return the similarity of pairs of rows, float64 (n,); 1 for identical ones."""
        found = np.where(self.digests[0][i] == self.digests[1][j], 1.0, -1.0)
        other = np.flatnonzero(found < 0)
        for start in range(0, len(other), AT_ONCE):
            part = other[start : start + AT_ONCE]
            found[part] = self._different(i[part], j[part])
        return found

    def _different(self, i: RowNumbers, j: RowNumbers) -> Floats:
        one, two = self.sides
        if self.on_pixels:
            first, second = one.pictures.copies.take(i), two.pictures.copies.take(j)
            return np.maximum(0, np.maximum(agreements(first, second), agreements(second, first)))
        (a, b), length = self.patterns, one.length
        found = similarity(a.counts[i], b.counts[j], shared_bits(a.words, b.words, i, j), length)
        return np.where((a.counts[i] > 0) & (b.counts[j] > 0), found, 0.0)
