"""Accuracy on raw, sanitized, removed and control rows, with intervals."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import binomtest

Mask = NDArray[np.bool_]


def wilson(correct: int, n: int) -> tuple[float | None, float | None, float | None]:
    """Return accuracy and its 95 % Wilson score interval; nulls without rows.

    >>> wilson(8, 10)
    (0.8, 0.490162..., 0.943317...)
    """
    if not n:
        return None, None, None
    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return correct / n, float(interval.low), float(interval.high)


def subsets(ids: pa.Array, labels: NDArray[np.int64], removed: pa.Table, seed: int) -> Iterator[tuple[str, Mask]]:
    """Yield the rows of a split on which a model is scored.

    ``raw`` is all rows; ``exact`` and ``near`` are what sanitizing leaves without exact, and without
    exact and near twins; ``removed`` are the rows that near loses; ``random`` is a control from which as
    many random rows of each class are taken as near loses.
    """
    gone = {reasons: _is_removed(ids, removed, reasons) for reasons in (("exact",), ("exact", "near"))}
    near = gone["exact", "near"]
    yield "raw", np.ones(len(ids), np.bool_)
    yield "exact", ~gone["exact",]
    yield "near", ~near
    yield "removed", near
    yield "random", ~as_many_per_class(labels, near, seed)


def as_many_per_class(labels: NDArray[np.int64], taken: Mask, seed: int) -> Mask:
    """Return a random mask that takes as many rows of each class as `taken` does.

    >>> mask = as_many_per_class(np.array([0, 0, 1, 1]), np.array([True, False, False, False]), seed=0)
    >>> int(mask[:2].sum()), int(mask[2:].sum())
    (1, 0)
    """
    mask = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        count = int(taken[rows].sum())
        mask[np.random.default_rng([seed, int(label)]).permutation(rows)[:count]] = True
    return mask


def _is_removed(ids: pa.Array, removed: pa.Table, reasons: Sequence[str]) -> Mask:
    gone = removed.filter(pc.is_in(removed["reason"], value_set=pa.array(reasons)))
    mask: Mask = pc.is_in(ids, value_set=gone["id"].combine_chunks()).to_numpy(zero_copy_only=False)
    return mask
