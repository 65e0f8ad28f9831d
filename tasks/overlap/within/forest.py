"""Groups of images that hang together by pairs, in memory that grows with the images and not with their pairs.

Of all pairs a maximum spanning forest is kept. At any threshold, the pairs of the forest that reach it join the same
images into the same groups as all pairs that reach it do, and the least similar of them says from which threshold on a
group falls apart (the cut property; Kruskal, On the shortest spanning subtree of a graph, 1956). Of equally similar
pairs the one with the smaller numbers comes first, so there is one such forest, however pairs are cut into pieces.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from tasks.overlap.jaccard import whole_percent
from tasks.vocabulary.arrays import Floats, RowNumbers

GATHERED = 1 << 22  # pairs that are taken in at a time: about 200 MB


class Forest(NamedTuple):
    """Pairs of images by their numbers, int64 (n,), with their similarity, float64 (n,)."""

    first: RowNumbers
    second: RowNumbers
    similarity: Floats

    def reaching(self, percent: int) -> "Forest":
        """Return the pairs of at least so many whole percent."""
        kept = whole_percent(self.similarity) >= percent
        return Forest(self.first[kept], self.second[kept], self.similarity[kept])


NOTHING = Forest(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def maximum_forest(count: int, pairs: Iterable[Forest]) -> Forest:
    """Return a maximum spanning forest of pairs of `count` images; a pair may come several times, in both orders.

    >>> pairs = Forest(np.array([0, 1, 0, 3]), np.array([1, 2, 2, 4]), np.array([0.9, 0.8, 0.7, 0.6]))
    >>> maximum_forest(5, [pairs]).similarity.tolist()
    [0.9, 0.8, 0.6]
    """
    forest, waiting = NOTHING, [NOTHING]
    for some in pairs:
        waiting.append(some)
        if sum(len(part.first) for part in waiting) > GATHERED:
            forest, waiting = _merged(count, [forest, *waiting]), []
    return _merged(count, [forest, *waiting])


def _merged(count: int, parts: list[Forest]) -> Forest:
    first, second, similarity = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((-similarity, high, low))
    low, high, similarity = low[order], high[order], similarity[order]
    best = (low != high) & np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0))[: len(low)]  # of each pair
    low, high, similarity = low[best], high[best], similarity[best]
    weights = np.empty(len(low))  # all different, so that the forest does not depend on how pairs come
    weights[np.lexsort((high, low, -similarity))] = np.arange(1, len(low) + 1)  # from 1: 0 would be no pair
    tree = minimum_spanning_tree(coo_array((weights, (low, high)), shape=(count, count)).tocsr()).tocoo()
    i, j = (part.astype(np.int64) for part in tree.coords)
    kept = np.sort(np.searchsorted(low * count + high, i * count + j))
    return Forest(low[kept], high[kept], similarity[kept])
