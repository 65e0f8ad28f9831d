"""Connected rows, as plain arrays."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.arrays import Mask, RowNumbers


def groups_of(count: int, links: Iterable[tuple[RowNumbers, RowNumbers]]) -> RowNumbers:
    """Return the group of each of `count` rows, int64 (count,), numbered in the order of their first rows.

    >>> groups_of(4, [(np.array([0]), np.array([2])), (np.array([3]), np.array([2]))]).tolist()
    [0, 1, 0, 0]
    """
    first, second = (np.concatenate([np.empty(0, np.int64), *part]) for part in zip(*links, strict=True))
    graph = coo_array((np.ones(len(first), np.bool_), (first, second)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    _, start, group = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(start))[group].astype(np.int64)


def links_of(keys: RowNumbers) -> tuple[RowNumbers, RowNumbers]:
    """Return the rows with a key, and the first row with the same key for each; -1 is not a key.

    >>> [ends.tolist() for ends in links_of(np.array([9, 7, -1, 7]))]
    [[0, 1, 3], [0, 1, 1]]
    """
    rows = np.flatnonzero(keys >= 0)
    _, start, inverse = np.unique(keys[rows], return_index=True, return_inverse=True)
    return rows, rows[start[inverse]]


def is_first(*keys: NDArray[Any]) -> Mask:
    """Return which elements of sorted columns differ from the previous one in any column, bool (n,).

    >>> is_first(np.array([1, 1, 2]), np.array([5, 5, 5])).tolist()
    [True, False, True]
    """
    first = np.ones(len(keys[0]), np.bool_)
    first[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return first
