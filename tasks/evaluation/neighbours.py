"""1-nearest-neighbour, a model that memorizes, on several sets of training rows with shared distances."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Gray, Mask, RowNumbers
from tasks.vocabulary import ModelName

NEAREST: ModelName = "1nn"  # without probabilities, so its answers have equal confidence
TRAIN_BLOCK, QUERY_BLOCK = 4096, 1024
EXACT_PIXELS = 1024  # sums of this many products of centred gray values stay within 2^24, where float32 is exact


def nearest(train: Gray, sets: Sequence[RowNumbers], queries: Gray) -> list[RowNumbers]:
    """Find the nearest row of every query in each set of training rows, by exact Euclidean distance.

    Each distance is computed once for all sets. The nearest row of a block is the answer for every set that contains
    it; only the other queries are searched again. `train` and `queries` are uint8 (n, pixels) and (m, pixels), `sets`
    int64 rows of `train`. Returns for each set a row of `train` per query, int64 (m,), the first among equals.

    >>> train = np.array([[0, 0], [9, 9], [250, 250]], np.uint8)
    >>> [rows.tolist() for rows in nearest(train, [np.arange(3), np.array([0, 1])], train[1:])]
    [[1, 2], [1, 1]]
    """
    exact, whole = (np.float32, np.int32) if train.shape[1] <= EXACT_PIXELS else (np.float64, np.int64)
    member = np.zeros((len(sets), len(train)), np.bool_)
    for number, rows in enumerate(sets):
        member[number, rows] = True
    distance = np.full((len(sets), len(queries)), np.iinfo(np.int64).max)
    place = np.full((len(sets), len(queries)), len(train))
    used = np.flatnonzero(member.any(axis=0))
    for first in range(0, len(used), TRAIN_BLOCK):
        rows = used[first : first + TRAIN_BLOCK]
        block = _centred(train[rows], exact)
        lengths = np.einsum("ij,ij->i", block, block, dtype=np.float64).astype(whole)
        for start in range(0, len(queries), QUERY_BLOCK):
            part = slice(start, start + QUERY_BLOCK)
            distances = (_centred(queries[part], exact) @ block.T).astype(whole)
            distances *= -2
            distances += lengths  # squared, less the squared length of the query
            best = distances.argmin(axis=1)
            for number in range(len(sets)):
                if (inside := member[number, rows]).any():
                    found = _inside(distances, best, inside)
                    near = distances[np.arange(len(found)), found].astype(np.int64)
                    better = near < distance[number, part]  # rows ascend, so the first among equals stays
                    distance[number, part][better] = near[better]
                    place[number, part][better] = rows[found[better]]
    return list(place)


def _inside(distances: NDArray[Any], best: RowNumbers, inside: Mask) -> RowNumbers:
    """Return the nearest row of a block that is `inside`, for every query, given the nearest of all rows."""
    found = best.copy()
    wrong, columns = np.flatnonzero(~inside[best]), np.flatnonzero(inside)
    found[wrong] = columns[distances[np.ix_(wrong, columns)].argmin(axis=1)]
    return found


def _centred(gray: Gray, exact: type) -> NDArray[Any]:
    """Return gray values minus 128, which preserves distances and keeps the products small."""
    return gray.astype(exact) - exact(128)
