"""Measure the recall of MinHash: the share of the rows with a near twin whose best twin it names."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binomtest

from tasks.overlap.find import Search, Side, Twins, find_twins
from tasks.vocabulary.arrays import RowNumbers

SAMPLE_ROWS = 500


@dataclass(frozen=True)
class RecallCounts:
    """Rows that were looked at; of them, by the percent of their best twin, those with a near twin, and those found."""

    rows: int
    true: dict[int, int]
    found: dict[int, int]

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


def compare(truth: Twins, found: Twins) -> RecallCounts:
    """Count the rows whose best twin is near, and those of which a search names that very twin."""
    near = (truth.row >= 0) & ~truth.exact
    named = near & (found.row == truth.row)
    true, hits = (np.unique(truth.percent[rows], return_counts=True) for rows in (near, named))
    return RecallCounts(
        len(truth.row),
        dict(zip(true[0].tolist(), true[1].tolist(), strict=True)),
        dict(zip(hits[0].tolist(), hits[1].tolist(), strict=True)),
    )


def measure_on_sample(of: Side, found_in: Side, found: Twins, search: Search) -> RecallCounts:
    """Compare what MinHash found for sampled rows with what comparing all pairs finds for them."""
    rows = np.sort(np.random.default_rng(search.seed).permutation(len(of))[:SAMPLE_ROWS])
    sample = Side(of.digests[rows], of.bits[rows], of.labels[rows], np.argsort(np.argsort(of.ranks[rows])))
    truth, _ = find_twins(sample, found_in, replace(search, bands=None))
    return compare(truth, _of_rows(found, rows))


def interval(true: int, found: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a recall, by Clopper and Pearson (1934); all of [0, 1] without rows."""
    if not true:
        return 0.0, 1.0
    bounds = binomtest(found, true).proportion_ci(0.95, method="exact")
    return float(bounds.low), float(bounds.high)


def _of_rows(twins: Twins, rows: RowNumbers) -> Twins:
    return Twins(**{name: column[rows] for name, column in vars(twins).items()})
