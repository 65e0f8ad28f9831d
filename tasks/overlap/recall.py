"""Measure the recall of MinHash: the share of the images with a near-duplicate whose best one it names."""

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
    """Images that were looked at; by the percent of their best near-duplicate, those with one, and those found."""

    rows: int
    true: dict[int, int]
    found: dict[int, int]

    @classmethod
    def of(cls, percent: RowNumbers, near: Mask, named: Mask) -> "RecallCounts":
        """Count rows by the percent of their best twin: those that have a near one, and those whose one was found."""
        counts = (np.unique(percent[rows], return_counts=True) for rows in (near, named))
        true, found = (dict(zip(values.tolist(), rows.tolist(), strict=True)) for values, rows in counts)
        return cls(len(percent), true, found)

    def at(self, percent: int) -> tuple[int, int]:
        """Return the rows whose best twin is near and at least so similar, and how many of them were found."""
        true, found = (sum(count for p, count in counts.items() if p >= percent) for counts in (self.true, self.found))
        return true, found

    def __add__(self, other: "RecallCounts") -> "RecallCounts":
        """Return the counts of both."""
        true, found = (
            dict(sorted((Counter(mine) + Counter(theirs)).items()))
            for mine, theirs in ((self.true, other.true), (self.found, other.found))
        )
        return RecallCounts(self.rows + other.rows, true, found)


def count_named(truth: Pairs, found: Pairs) -> RecallCounts:
    """Count the first images of pairs by the percent of their best one, and those for which a search names that one."""
    best = truth.best()
    return RecallCounts.of(
        whole_percent(best.similarity), np.ones(len(best.first), np.bool_), best.are_in(found.best())
    )


def sampled(rows: int, seed: int, count: int = SAMPLE_ROWS) -> RowNumbers:
    """Return the rows that are searched in full, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:count])


def interval(true: int, found: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a recall, by Clopper and Pearson (1934); all of [0, 1] without rows."""
    if not true:
        return 0.0, 1.0
    from scipy.stats import binomtest

    bounds = binomtest(found, true).proportion_ci(0.95, method="exact")
    return float(bounds.low), float(bounds.high)


def measured_recall(counts: RecallCounts, floor: int, threshold: int, sampled: bool) -> MeasuredRecall:
    """Return the recall of MinHash at the floor and at the threshold, with an interval where a sample was searched."""
    at_floor, at_threshold = (counts.at(percent) for percent in (floor, threshold))
    low, high = interval(*at_floor) if sampled else (None, None)
    return MeasuredRecall(counts.rows, *at_floor, *at_threshold, low, high)
