"""Intervals for differences of accuracy, by resampling groups of rows."""

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import t as student

from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

Interval = tuple[float, float, float]  # estimate, low, high
DRAWS = 1000


class Bootstrap:
    """Resample groups of rows; the same draws serve every comparison on one test set.

    Percentile intervals of the cluster bootstrap; see Efron and Tibshirani, An Introduction to the
    Bootstrap, sections 8.3 and 13.3.
    """

    def __init__(self, groups: RowNumbers, seed: int) -> None:
        self.groups, self.count = groups, int(groups.max(initial=-1)) + 1
        draws = np.random.default_rng([seed, 7]).integers(0, max(self.count, 1), (DRAWS, self.count))
        self.weights = np.stack([np.bincount(draw, minlength=self.count) for draw in draws])

    def difference_of_arms(self, one: Floats, two: Floats) -> Interval | None:
        """Compare two arms on the same rows, in percentage points.

        Parameters
        ----------
        one, two : ndarray
            Right answers, 0 or 1, shape (seeds, rows).

        Returns
        -------
        tuple or None
            The mean over seeds. The interval is the wider of two: Student's t interval for the mean over seeds, which
            covers the variation between seeds, and the bootstrap interval over rows, scaled to the part of its
            variance that all seeds have in common. (Combined in quadrature, the two contain the true value in up to 99
            of 100 draws, since Student's t is already wide with three seeds; chosen by measurement,
            tests/benchmarks/coverage.py.) With one seed, it is the bootstrap interval only: it says how these two
            models differ, not how two others would.
        """
        per_seed = 100 * (one - two).mean(axis=1) if one.size else np.zeros(1)
        interval = self._interval([(one - two).mean(axis=0), np.ones(one.shape[1])], lambda t: t[0] / t[1])
        if interval is None or len(per_seed) == 1:
            return interval
        seeds = float(student.ppf(0.975, len(per_seed) - 1) * per_seed.std(ddof=1) / np.sqrt(len(per_seed)))
        points, low, high = interval
        shared = math.sqrt(self._in_common(one - two))
        return (
            points,
            points - max(shared * (points - low), seeds),
            points + max(shared * (high - points), seeds),
        )

    def difference_of_rows(self, correct: Floats, kept: Mask) -> Interval | None:
        """Compare the accuracy on all rows with that on the rows that are kept, in percentage points."""
        if not kept.any() or kept.all():
            return None
        columns = [correct, np.ones(len(correct)), correct * kept, kept.astype(float)]
        return self._interval(columns, lambda t: t[0] / t[1] - t[2] / t[3])

    def _in_common(self, differences: Floats) -> float:
        """Return the share of the bootstrap variance of the mean over seeds that all seeds have in common."""
        sums = np.stack([np.bincount(self.groups, row, self.count) for row in differences])
        sizes = np.bincount(self.groups, minlength=self.count)
        covariance = np.cov((sums @ self.weights.T) / (sizes @ self.weights.T))
        if not covariance.any():
            return 0.0
        seeds = len(covariance)
        between = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
        return float(max(0.0, between) / covariance.mean())

    def _interval(self, columns: list[Floats], statistic: Callable[[Floats], Floats]) -> Interval | None:
        if not self.count:
            return None
        sums = np.stack([np.bincount(self.groups, column, self.count).astype(np.float64) for column in columns])
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = statistic(sums @ self.weights.T)
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        return 100 * float(statistic(sums.sum(axis=1))), 100 * float(low), 100 * float(high)
