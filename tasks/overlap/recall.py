"""Measure the recall of MinHash: the share of images with a near-duplicate whose best one it finds."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Mask, RowNumbers
from tasks.overlap.pairs import Pairs
from tasks.overlap.patterns import whole_percent
from tasks.records.rows import MeasuredRecall

SAMPLE_ROWS = 500


@dataclass(frozen=True)
class RecallCounts:
    """Number of images; by the percent of the best near-duplicate, how many have one, and for how many it was found."""

    rows: int
    true: dict[int, int]
    found: dict[int, int]

    @classmethod
    def of(cls, percent: RowNumbers, near: Mask, named: Mask) -> "RecallCounts":
        """Count rows by the percent of their best match: rows with a near one, and rows whose best one was found."""
        counts = (np.unique(percent[rows], return_counts=True) for rows in (near, named))
        true, found = (dict(zip(values.tolist(), rows.tolist(), strict=True)) for values, rows in counts)
        return cls(len(percent), true, found)

    def at(self, percent: int) -> tuple[int, int]:
        """Return the number of rows whose best match is near and reaches this percent, and how many were found."""
        true, found = (sum(count for p, count in counts.items() if p >= percent) for counts in (self.true, self.found))
        return true, found

    def __add__(self, other: "RecallCounts") -> "RecallCounts":
        """Add the counts."""
        true, found = (
            dict(sorted((Counter(mine) + Counter(theirs)).items()))
            for mine, theirs in ((self.true, other.true), (self.found, other.found))
        )
        return RecallCounts(self.rows + other.rows, true, found)


def count_named(truth: Pairs, found: Pairs) -> RecallCounts:
    """Count the first images of pairs by the percent of their best one, and how many of these are in `found`."""
    best = truth.best()
    return RecallCounts.of(
        whole_percent(best.similarity), np.ones(len(best.first), np.bool_), best.are_in(found.best())
    )


def sampled(rows: int, seed: int, count: int = SAMPLE_ROWS) -> RowNumbers:
    """Return the rows to search exhaustively, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def interval(true: int, found: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a recall, by Clopper and Pearson (1934); [0, 1] without rows."""
    if not true:
        return 0.0, 1.0
    from scipy.stats import binomtest

    bounds = binomtest(found, true).proportion_ci(0.95, method="exact")
    return float(bounds.low), float(bounds.high)


def measured_recall(counts: RecallCounts, floor: int, threshold: int, sampled: bool) -> MeasuredRecall:
    """Return the recall of MinHash at the floor and at the threshold, with an interval for a sample."""
    at_floor, at_threshold = (counts.at(percent) for percent in (floor, threshold))
    low, high = interval(*at_floor) if sampled else (None, None)
    return MeasuredRecall(counts.rows, *at_floor, *at_threshold, low, high)
