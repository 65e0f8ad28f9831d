"""Collapse equal rows, and join the groups of two splits that are equal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.vocabulary.arrays import Mask, RowNumbers


@dataclass(frozen=True)
class EqualRows:
    """Rows with equal keys collapsed, and for each group the labels under which it occurs.

    A *unit* is a group under one label. Units are sorted by group; those of group g are
    ``start[g]`` to ``start[g + 1]``.
    """

    of_row: RowNumbers  # (rows,) group of each row
    example: RowNumbers  # (groups,) one row of each group
    start: RowNumbers  # (groups + 1,)
    unit_label: RowNumbers  # (units,)
    unit_rank: RowNumbers  # (units,) the smallest rank among its rows
    unit_rows: RowNumbers  # (units,) how many rows it has

    def __len__(self) -> int:
        return len(self.example)


def group(keys: NDArray[np.uint8], labels: RowNumbers, ranks: RowNumbers) -> EqualRows:
    """Collapse rows whose keys are equal.

    Parameters
    ----------
    keys : ndarray
        uint8, shape (n, width): what makes two rows equal, an MD5 or a packed pattern.
    labels : ndarray
        int64, shape (n,): class of each row.
    ranks : ndarray
        int64, shape (n,): place of each row in the order of ids.

    >>> keys = np.array([[7], [9], [7]], np.uint8)
    >>> groups = group(keys, np.array([0, 1, 0]), np.array([2, 1, 0]))
    >>> len(groups), groups.of_row.tolist(), groups.unit_rank.tolist(), groups.unit_rows.tolist()
    (2, [0, 1, 0], [0, 1], [2, 1])
    """
    _, example, of_row = np.unique(as_void(keys), return_index=True, return_inverse=True)
    order = np.lexsort((ranks, labels, of_row))
    sorted_group, sorted_label = of_row[order], labels[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (sorted_group[1:] != sorted_group[:-1]) | (sorted_label[1:] != sorted_label[:-1])
    first = np.flatnonzero(is_first)
    start = np.searchsorted(sorted_group[first], np.arange(len(example) + 1))
    rows = np.diff(np.append(first, len(order)))
    return EqualRows(of_row, example, start, sorted_label[first], ranks[order[first]], rows)


def equal_groups(
    first: EqualRows, second: EqualRows, keys_first: NDArray[np.uint8], keys_second: NDArray[np.uint8]
) -> tuple[RowNumbers, RowNumbers]:
    """Return the groups of both sides that have the same key, pair by pair."""
    mine, theirs = as_void(keys_first)[first.example], as_void(keys_second)[second.example]
    _, i, j = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    return i, j


def among(keys: NDArray[np.uint8], wanted: Sequence[bytes]) -> Mask:
    """Return which rows of keys, uint8 (n, width), are one of some keys."""
    if not wanted or not len(keys):
        return np.zeros(len(keys), np.bool_)
    found: Mask = np.isin(as_void(keys), np.array(wanted, f"V{keys.shape[1]}"))
    return found


def as_void(keys: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return the rows of keys, uint8 (n, width), as values that can be compared and sorted."""
    return np.ascontiguousarray(keys).view(f"V{keys.shape[1]}").ravel()
