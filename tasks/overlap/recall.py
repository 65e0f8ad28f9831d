"""Measure the recall of MinHash: the share of the rows with a near twin whose best twin it names."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.overlap.find import Twins
from tasks.vocabulary.arrays import Mask, RowNumbers

SAMPLE_ROWS = 500


@dataclass(frozen=True)
class RecallCounts:
    """Rows that were looked at; of them, by the percent of their best twin, those with a near twin, and those found."""

    rows: int
    true: dict[int, int]
    found: dict[int, int]

    @classmethod
    def of(cls, percent: RowNumbers, near: Mask, named: Mask) -> "RecallCounts":
        """Count rows by the percent of their best twin: those that have a near one, and those whose one was found."""
        counts = (np.unique(percent[rows], return_counts=True) for rows in (near, named))
        true, found = (dict(zip(values.tolist(), rows.tolist(), strict=True)) for values, rows in counts)
        return cls(len(percent), true, found)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "RecallCounts":
        """Return counts that were kept as JSON, whose keys are text."""
        true, found = ({int(percent): rows for percent, rows in facts[name].items()} for name in ("true", "found"))
        return cls(facts["rows"], true, found)

    def at(self, percent: int) -> tuple[int, int]:
        """Return the rows whose best twin is near and at least so similar, and how many of them were found."""
        true, found = (sum(count for p, count in counts.items() if p >= percent) for counts in (self.true, self.found))
        return true, found

    def __add__(self, other: "RecallCounts") -> "RecallCounts":
        """Return the counts of both."""
        true, found = (
            {p: mine.get(p, 0) + theirs.get(p, 0) for p in sorted({*mine, *theirs})}
            for mine, theirs in ((self.true, other.true), (self.found, other.found))
        )
        return RecallCounts(self.rows + other.rows, true, found)


def counted(truth: Twins, named: RowNumbers) -> RecallCounts:
    """Count the rows whose best twin is near, and those of which a search names that very twin, its row."""
    near = (truth.row >= 0) & ~truth.exact
    return RecallCounts.of(truth.percent, near, near & (named == truth.row))


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


def contradicts(recall: RecallCounts, percent: int, stated: float) -> bool:
    """Say whether a measured recall is lower than the stated one, beyond chance."""
    return interval(*recall.at(percent))[1] < stated
