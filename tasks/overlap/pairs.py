"""Pairs of similar images, and the choice of pairs to keep: memory grows with the images, not with their pairs.

A near-duplicate pair of glyphs is kept if it is the best of one of its images, its best with a labelled image, or its
best with an image of another class. Inside one set a maximum spanning forest is kept as well: at any threshold it
connects the same images as all pairs (Kruskal, On the shortest spanning subtree of a graph, 1956). Among equally
similar pairs the one with the smaller numbers is preferred, so the result does not depend on the tiles.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.joined import is_first
from tasks.overlap.images import SEVERAL, UNKNOWN
from tasks.storage import Place, tables

GATHERED = 1 << 22  # pairs to collect before reducing them: about 200 MB


class Pairs(NamedTuple):
    """Pairs of images by their numbers, int64 (n,) each, with their similarity, float64 (n,)."""

    first: RowNumbers
    second: RowNumbers
    similarity: Floats

    def seen_from(self, side: int, within: bool = False) -> "Pairs":
        """Return the pairs with the images of one side first; within one set, each pair from both of its images."""
        turned = Pairs(self.second, self.first, self.similarity)
        return concatenated([self, turned]) if within else turned if side else self

    def where(self, some: Mask | RowNumbers) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(self.first[some], self.second[some], self.similarity[some])

    def best(self) -> "Pairs":
        """Return the best pair of each first image, sorted by these images."""
        order = np.lexsort((self.second, -self.similarity, self.first))
        return self.where(order[is_first(self.first[order])])

    def are_in(self, others: "Pairs") -> Mask:
        """Return which pairs are also in `others`, whatever their similarity."""
        width = int(max(self.second.max(initial=0), others.second.max(initial=0))) + 1
        own, known = (pa.array(pairs.first * width + pairs.second) for pairs in (self, others))
        return np.asarray(pc.is_in(own, value_set=known))


NO_PAIRS = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def concatenated(parts: Sequence[Pairs]) -> Pairs:
    """Concatenate pairs."""
    return Pairs(*(np.concatenate(columns) for columns in zip(NO_PAIRS, *parts, strict=True)))


def in_order(pairs: Pairs, within: bool) -> Pairs:
    """Return each pair once, sorted by its numbers; pairs within one set have the smaller number first."""
    first, second = pairs.first, pairs.second
    if within:
        first, second = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((-pairs.similarity, second, first))
    found = Pairs(first[order], second[order], pairs.similarity[order])
    new = is_first(found.first, found.second)
    return found.where(new & (found.first != found.second) if within else new)


def gathered(stream: Iterable[Pairs], keep: Callable[[Pairs], Pairs]) -> Pairs:
    """Return the pairs that `keep` keeps of a stream of pairs, calling it with many at a time."""
    kept, waiting = NO_PAIRS, [NO_PAIRS]
    for some in stream:
        waiting.append(some)
        if sum(len(part.first) for part in waiting) > GATHERED:
            kept, waiting = keep(concatenated([kept, *waiting])), []
    return keep(concatenated([kept, *waiting]))


def that_matter(pairs: Pairs, labels: tuple[RowNumbers, RowNumbers], within: bool) -> Pairs:
    """Return the pairs that are best for one of their images; see above. Labels are int64 (images,), of both sides."""
    pairs = in_order(pairs, within)
    if not within:
        best = [best_by_class(*pairs.seen_from(side), labels[1 - side]) for side in (0, 1)]
        return pairs.where(best[0] | best[1])
    kept = np.logical_or(*best_by_class(*pairs.seen_from(0, within), labels[0]).reshape(2, -1))
    kept[spanning(pairs, len(labels[0]))] = True
    return pairs.where(kept)


def best_by_class(of: RowNumbers, other: RowNumbers, weight: Floats, labels: RowNumbers) -> Mask:
    """Return which pairs are the best of an image, its best with a labelled one, or its best of another class.

    The best has the highest weight and, among equals, the smallest number.

    >>> weight, labels = np.array([0.8, 0.9, 0.95, 0.7, 0.6]), np.array([1, 1, UNKNOWN, 1, 2])
    >>> best_by_class(np.zeros(5, int), np.arange(5), weight, labels).tolist()
    [False, True, True, False, True]
    """
    order, label = np.lexsort((other, -weight, of)), labels[other]
    kept = np.zeros(len(of), np.bool_)
    kept[order[is_first(of[order])]] = True
    order = order[label[order] != UNKNOWN]
    start = np.flatnonzero(is_first(of[order]))
    kept[order[start]] = True
    of_best = np.repeat(label[order[start]], np.diff(np.append(start, len(order))))
    rest = order[(label[order] != of_best) & (of_best != SEVERAL)]
    kept[rest[is_first(of[rest])]] = True
    return kept


def spanning(pairs: Pairs, count: int) -> RowNumbers:
    """Return the numbers of the pairs in a maximum spanning forest of `count` images, given pairs `in_order`.

    >>> pairs = Pairs(np.array([0, 0, 1, 3]), np.array([1, 2, 2, 4]), np.array([0.9, 0.7, 0.8, 0.6]))
    >>> spanning(pairs, 5).tolist()
    [0, 2, 3]
    """
    first, second, similarity = pairs
    weights = np.empty(len(first))  # distinct, so that the forest is unique
    weights[np.lexsort((second, first, -similarity))] = np.arange(1, len(first) + 1)  # from 1: 0 would mean no pair
    tree = minimum_spanning_tree(coo_array((weights, (first, second)), shape=(count, count)).tocsr()).tocoo()
    i, j = (part.astype(np.int64) for part in tree.coords)
    return np.sort(np.searchsorted(first * count + second, i * count + j))


def read_pairs(place: Place) -> Pairs:
    """Read the pairs of a table."""
    table = tables.read(place)
    return Pairs(*(table[name].to_numpy() for name in Pairs._fields))
