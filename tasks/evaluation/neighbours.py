"""1-nearest-neighbour on several arms at once: the model that memorizes, with distances that all arms share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.vocabulary.arrays import Gray, RowNumbers

NEAREST = "1nn"  # the model's name; it has no probabilities: all its answers are equally sure
TRAIN_BLOCK, QUERY_BLOCK = 4096, 1024
EXACT_PIXELS = 1024  # sums of that many products of centred gray values stay within 2^24, where float32 counts exactly


def nearest(train: Gray, arms: Sequence[RowNumbers], queries: Gray) -> list[RowNumbers]:
    """Find, for each arm, the nearest training row of every query by Euclidean distance, exactly.

    Rows are sorted by which arms they belong to, so each distance is computed once whatever the number of arms.

    Parameters
    ----------
    train : ndarray
        uint8 (n, pixels).
    arms : sequence of ndarray
        Rows of `train` that each arm may use, int64.
    queries : ndarray
        uint8 (m, pixels).

    Returns
    -------
    list of ndarray
        Per arm, row of `train`, int64 (m,); of rows at equal distance the first.

    >>> train = np.array([[0, 0], [9, 9], [250, 250]], np.uint8)
    >>> [rows.tolist() for rows in nearest(train, [np.arange(3), np.array([0, 1])], train[1:])]
    [[1, 2], [1, 1]]
    """
    exact = np.float32 if train.shape[1] <= EXACT_PIXELS else np.float64
    member = np.zeros((len(arms), len(train)), np.bool_)
    for number, rows in enumerate(arms):
        member[number, rows] = True
    distance = np.full((len(arms), len(queries)), np.inf)
    place = np.full((len(arms), len(queries)), len(train))
    for pattern in np.unique(member, axis=1).T:
        if not pattern.any():
            continue
        rows = np.flatnonzero((member == pattern[:, None]).all(axis=0))
        for first in range(0, len(rows), TRAIN_BLOCK):
            block = rows[first : first + TRAIN_BLOCK]
            near, found = _nearest_in_block(_centred(train[block], exact), queries)
            row = block[found]
            for number in np.flatnonzero(pattern).tolist():
                better = (near < distance[number]) | ((near == distance[number]) & (row < place[number]))
                distance[number, better], place[number, better] = near[better], row[better]
    return list(place)


def _nearest_in_block(block: NDArray[Any], queries: Gray) -> tuple[RowNumbers, RowNumbers]:
    """Return squared distance and place of the nearest row of a block for every query."""
    lengths = np.einsum("ij,ij->i", block, block, dtype=np.float64).astype(np.int64)
    near, found = np.empty(len(queries), np.int64), np.empty(len(queries), np.int64)
    whole: type = np.int32 if block.dtype == np.float32 else np.int64
    for start in range(0, len(queries), QUERY_BLOCK):
        part = _centred(queries[start : start + QUERY_BLOCK], block.dtype.type)
        distances = (part @ block.T).astype(whole)
        distances *= -2
        distances += lengths.astype(whole)
        best = distances.argmin(axis=1)
        own = np.einsum("ij,ij->i", part, part, dtype=np.float64).astype(np.int64)
        near[start : start + len(part)] = distances[np.arange(len(part)), best] + own
        found[start : start + len(part)] = best
    return near, found


def _centred(gray: Gray, exact: type) -> NDArray[Any]:
    """Return gray values minus 128: shifts don't change distances, and this one gives the smallest products."""
    return gray.astype(exact) - exact(128)
