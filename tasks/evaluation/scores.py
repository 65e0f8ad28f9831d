"""Accuracy on raw, sanitized, removed and control rows, with intervals."""

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from tasks.records.removed import is_removed
from tasks.vocabulary.arrays import Labels, Mask, RowNumbers


def wilson(correct: Mask, groups: RowNumbers) -> tuple[float | None, float | None, float | None]:
    """Return accuracy and its 95 % Wilson score interval; nulls without rows.

    Rows of one duplicate group are right or wrong together, so they count as fewer: n is divided by the design
    effect, the variance of the accuracy over groups by that of as many independent rows. Wilson (1927); for the
    effective number of rows see Korn and Graubard, Survey Methodology 24 (1998).

    Parameters
    ----------
    correct : ndarray
        bool (n,): right answers.
    groups : ndarray
        int64 (n,): group of each row.

    >>> wilson(np.arange(10) < 8, np.arange(10))
    (0.8, 0.490162..., 0.943317...)
    """
    if not len(correct):
        return None, None, None
    share = float(correct.mean())
    n = len(correct) / _design_effect(correct, share, groups)
    z = float(norm.ppf(0.975))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return share, max(0.0, centre - half), min(1.0, centre + half)


def _design_effect(correct: Mask, share: float, groups: RowNumbers) -> float:
    group = np.unique(groups, return_inverse=True)[1]
    rows = np.bincount(group).astype(np.float64)
    if len(rows) < 2 or share in (0, 1):
        return float((rows**2).sum() / rows.sum())
    right = np.bincount(group, correct)
    spread = ((right - share * rows) ** 2).sum() * len(rows) / (len(rows) - 1)
    alone = share * (1 - share) * len(correct) ** 2 / (len(correct) - 1)
    return max(1.0, float(spread / alone))


def subsets(ids: pa.Array, labels: Labels, removed: pa.Table, seed: int) -> Iterator[tuple[str, Mask]]:
    """Yield the rows of a split on which a model is scored.

    ``raw`` is all rows; ``exact`` and ``near`` are what sanitizing leaves without exact, and without
    exact and near twins; ``removed`` are the rows that near loses; ``random`` is a control that loses as
    many random rows of each class as ``near`` does.
    """
    gone = {reasons: is_removed(ids, removed, reasons) for reasons in (("exact",), ("exact", "near"))}
    near = gone["exact", "near"]
    yield "raw", np.ones(len(ids), np.bool_)
    yield "exact", ~gone["exact",]
    yield "near", ~near
    yield "removed", near
    yield "random", ~as_many_per_class(labels, near, seed)


def as_many_per_class(labels: Labels, taken: Mask, seed: int) -> Mask:
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
