"""How similar images are that cannot be a leak: rows of train against the rest of train, and random pairs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.overlap.agreements import agreements
from tasks.overlap.bands import Bands
from tasks.overlap.exact import as_void
from tasks.overlap.find import Search, find_twins
from tasks.overlap.jaccard import shared_bits, similarity
from tasks.overlap.patterns import Patterns
from tasks.overlap.pictures import find_picture_twins
from tasks.overlap.tables import Rows, SplitFingerprints
from tasks.overlap.threshold import Best
from tasks.overlap.tiles import AMONG, SLICE
from tasks.views import View
from tasks.vocabulary.arrays import RowNumbers

GLYPHS, PICTURES = 2000, 500  # rows of train; deciding pictures takes longer
RANDOM_PAIRS = 500
THINNED = 5000  # rows of either side of what is measured on less than all: there, not every row has a look-alike
THINNED_FLOOR = 60  # percent: less similar best matches of glyphs are not looked for
BASELINE = pa.schema({"kind": pa.string(), "similarity": pa.float64(), "crowd": pa.float64()})


class _Part(NamedTuple):
    """Some rows of a split: numbers of distinct images."""

    of: Rows
    rows: RowNumbers

    def slices(self, view: View) -> Iterator[SplitFingerprints]:
        """Yield the rows, as many at a time as tiles have."""
        size = AMONG if view.on_pixels else SLICE
        for start in range(0, len(self.rows), size):
            yield self.of.take(self.rows[start : start + size])


def measure_baseline(train: Rows, others: Sequence[Rows], view: View, bands: Bands | None, seed: int) -> pa.Table:
    """Return the similarity of the best match of rows that are no leak.

    Parameters
    ----------
    train : Rows
    others : sequence of Rows
        Of validation and test.
    view : View
    bands, seed
        As photographs are searched; glyphs are compared with all others, which takes less time than to sign them. The
        seed also draws rows.

    Returns
    -------
    Table
        Schema `BASELINE`: ``train`` of rows of train, in the rest of train; ``random`` of random pairs of a row of the
        others and one of train; of glyphs also ``thinned`` of rows of the others, in some of train. Nowhere is a match
        the same image.
    """
    rng = np.random.default_rng(seed)
    images = _distinct(train)
    images = images[rng.permutation(len(images))]
    count = min(PICTURES if view.on_pixels else GLYPHS, len(images) // 4)
    sample, rest = _Part(train, np.sort(images[:count])), _Part(train, np.sort(images[count:]))
    found = {"train": [_best(sample, rest, view, round(100 * view.floor), bands, seed)]}
    parts = [_Part(other, _distinct(other)) for other in others if len(other)]
    found["random"] = [_random(part, train, view, rng) for part in parts]
    if not view.on_pixels:
        thin = _Part(train, np.sort(images[:THINNED]))
        thinned = [_Part(p.of, np.sort(rng.permutation(p.rows)[:THINNED])) for p in parts]
        found["thinned"] = [_best(part, thin, view, THINNED_FLOOR, bands, seed) for part in thinned]
    return pa.concat_tables([BASELINE.empty_table(), *(_table(kind, best) for kind in found for best in found[kind])])


def _table(kind: str, best: Best) -> pa.Table:
    kinds = pa.array([kind] * len(best.similarity), pa.string())
    return pa.table([kinds, pa.array(best.similarity), pa.array(best.crowd)], schema=BASELINE)


def _distinct(split: Rows) -> RowNumbers:
    """Return a row of each distinct image."""
    return np.unique(as_void(split.digests), return_index=True)[1]


def _best(rows: _Part, others: _Part, view: View, floor: int, bands: Bands | None, seed: int) -> Best:
    """Return each row's best match; of rows that have the same image there, none."""
    if not len(rows.rows) or not len(others.rows):
        return Best(np.empty(0), np.empty(0))
    own = rows.of.take(rows.rows)
    exact, similarity, crowd = np.zeros(len(own), np.bool_), np.zeros(len(own)), np.zeros(len(own))
    pairs = len(rows.rows) * len(others.rows)
    for other in others.slices(view):
        if view.on_pixels:
            pictures = find_picture_twins(own.pictures, other.pictures, False, bands, seed, pairs)
            twins, crowd = pictures.of_first, np.maximum(crowd, pictures.crowd)
        else:
            twins, _ = find_twins(own.side, other.side, Search(own.length, floor))
        exact |= twins.exact
        similarity = np.maximum(similarity, twins.jaccard)
    return Best(similarity[~exact], crowd[~exact])


def _random(part: _Part, train: Rows, view: View, rng: np.random.Generator) -> Best:
    """Return random pairs of different images."""
    one = rng.permutation(part.rows)[:RANDOM_PAIRS]
    two = rng.integers(0, len(train), len(one))
    rows, others = part.of.take(one), train.take(two)
    differ = np.flatnonzero((rows.digests != others.digests).any(axis=1))
    rows, others = rows.take(differ), others.take(differ)
    if view.on_pixels:
        found = agreements(rows.pictures.copies, others.pictures.copies)
        return Best(found, np.zeros(len(found)))
    first, second = (Patterns.of(side.side.bits, side.length) for side in (rows, others))
    pairs = np.arange(len(differ))
    shared = shared_bits(first.words, second.words, pairs, pairs)
    found = similarity(first.counts, second.counts, shared, first.length)
    found[first.counts == 0] = 0  # rows without bits are no twins
    return Best(found, np.zeros(len(found)))
