"""Search the pairs of similar images inside one set: all verified ones, of which a spanning forest is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.complete import AFFORDABLE, complete_pairs
from tasks.overlap.exact import group
from tasks.overlap.jaccard import similarity
from tasks.overlap.patterns import Patterns
from tasks.overlap.pictures import picture_pairs
from tasks.overlap.search import cost_of
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.threshold import Best
from tasks.overlap.within.forest import Forest, maximum_forest
from tasks.storage.decisions import Decisions
from tasks.threads import blas_threads
from tasks.views import View
from tasks.vocabulary.arrays import Mask, RowNumbers


@dataclass(frozen=True)
class Links:
    """What hangs together in a set.

    Attributes
    ----------
    alike : ndarray
        int64 (rows,): rows with the same number are equal to the engine: of glyphs their bits, of photographs their
        pixels. `forest` joins these numbers.
    best : Best
        Of each distinct image, its best match that is not identical; 0 where it has none from the floor on.
    other_class : ndarray
        bool: whether that match has another class.
    """

    alike: RowNumbers
    forest: Forest
    best: Best
    other_class: Mask
    method: Literal["all pairs", "minhash"]


def search_within(
    rows: SplitFingerprints, view: View, floor: int, bands: Bands | None, seed: int, but: Decisions | None = None
) -> Links:
    """Search the pairs of a set's rows from a similarity on.

    Parameters
    ----------
    rows : SplitFingerprints
    view : View
    floor : int
        Similarity in whole percent; of photographs all pairs that are decided are kept.
    bands, seed
        Of MinHash, for sets too large to compare all pairs.
    but : Decisions, optional
        Pairs that were judged to be different are none.
    """
    with blas_threads(1):
        return _of_pictures(rows, bands, seed, but) if view.on_pixels else _of_glyphs(rows, floor, bands, seed, but)


def _of_pictures(rows: SplitFingerprints, bands: Bands | None, seed: int, but: Decisions | None) -> Links:
    found = picture_pairs(rows.pictures, bands, seed, but)
    best = _BestMatches(len(found.groups), rows.side.labels[found.groups.example])
    pairs = Forest(found.first, found.second, found.agreed)
    best.add(pairs)
    forest = maximum_forest(len(found.groups), [pairs])
    method: Literal["all pairs", "minhash"] = "all pairs" if found.recall is None else "minhash"
    return Links(found.groups.of_row, forest, Best(best.similarity, found.crowd), best.other_class, method)


def _of_glyphs(rows: SplitFingerprints, floor: int, bands: Bands | None, seed: int, but: Decisions | None) -> Links:
    side = rows.side
    said = side.bits.max(axis=1, initial=0) > 0  # rows without bits can only be identical
    by_bits = said[:, None] & (but is None)  # people judge images, of which several may have the same bits
    keys = np.concatenate([side.bits, np.where(by_bits, 0, side.digests)], axis=1)
    alike = group(keys, side.labels, side.ranks)
    with_bits = np.flatnonzero(said[alike.example])
    patterns = Patterns.of(side.bits[alike.example[with_bits]], rows.length)
    minhash = bands is not None and cost_of(rows, rows, floor) > AFFORDABLE
    best = _BestMatches(len(alike), side.labels[alike.example])

    def pairs() -> Iterator[Forest]:
        found = lsh_pairs(patterns, patterns, floor, bands, seed) if minhash and bands else None
        for i, j, shared, fresh in found or complete_pairs(patterns, patterns, floor):
            one = (i < j) & fresh
            if but:
                first, second = (side.digests[alike.example[with_bits[at]]] for at in (i, j))
                one &= ~but.are_different(first, second)
            i, j, shared = i[one], j[one], shared[one]
            similar = similarity(patterns.counts[i], patterns.counts[j], shared, rows.length)
            some = Forest(with_bits[i], with_bits[j], similar)
            best.add(some)
            yield some

    forest = maximum_forest(len(alike), pairs())
    images = group(side.digests, side.labels, side.ranks)  # several of which may have the same bits
    item = alike.of_row[images.example]
    again = np.bincount(item, minlength=len(alike))[item] > 1
    found = np.where(again & said[images.example], 1.0, best.similarity[item])
    nothing = np.zeros(len(found))
    return Links(
        alike.of_row, forest, Best(found, nothing), best.other_class[item], "minhash" if minhash else "all pairs"
    )


class _BestMatches:
    """The best match of each of some images, and whether its class is another."""

    def __init__(self, count: int, labels: RowNumbers) -> None:
        self.labels, self.similarity = labels, np.zeros(count)
        self.other_class = np.zeros(count, np.bool_)

    def add(self, pairs: Forest) -> None:
        """Take in pairs; of equally similar matches, one of another class counts."""
        differs: Mask = np.not_equal(self.labels[pairs.first], self.labels[pairs.second])
        for at in (pairs.first, pairs.second):
            before = self.similarity.copy()
            np.maximum.at(self.similarity, at, pairs.similarity)
            self.other_class[self.similarity > before] = False
            top = differs & (pairs.similarity == self.similarity[at])
            self.other_class[at[top]] = True
