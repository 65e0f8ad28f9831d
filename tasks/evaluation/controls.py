"""Training rows with and without the twins of test rows, and what the difference tells.

Raw against sanitized mixes two things: models may remember twins, and the removed rows are easier
anyway. So models are also trained *without the twins*, and without as many random rows, and scored
on the same unchanged test set: what then changes is what the twins did.
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import t as student

from tasks import tables
from tasks.evaluation.scores import Mask, as_many_per_class
from tasks.records import CONTROLS, Training
from tasks.spec import Control, RunSpec

Rows = NDArray[np.int64]
Shares = NDArray[np.float64]
Interval = tuple[float, float, float]  # estimate, low, high
SEEDS = 3  # trainings per size; one where train is too small for more
SEEDED_UP_TO = 5000
ALONE_FROM = 50_000  # rows from which trainings run one after another, each on two threads, to stay within memory
DRAWS = 1000  # of the bootstrap


def has_twin(twins: Path, threshold: int) -> Mask:
    """Say of each row of a split whether it has an exact twin, or a near one at the threshold, in the other."""
    table = tables.read(twins, ["exact", "percent"])
    mask: Mask = pc.or_(table["exact"], pc.greater_equal(table["percent"], threshold)).to_numpy()
    return mask


def arm(control: Control, labels: Rows, twins: Mask, seed: int) -> Rows:
    """Return the rows of train that an arm of the comparison may use, in their order.

    >>> labels, twins = np.zeros(5, np.int64), np.array([True, False, False, True, False])
    >>> arm("without_twins", labels, twins, seed=0).tolist(), len(arm("without_random", labels, twins, seed=0))
    ([1, 2, 4], 3)
    """
    if control == "none":
        return np.arange(len(labels))
    return np.flatnonzero(~(twins if control == "without_twins" else as_many_per_class(labels, twins, seed)))


def trainings(sizes: tuple[int | str, ...], rows: int, train: int) -> list[tuple[int, int]]:
    """Return (rows, number of the seed) of every training.

    Parameters
    ----------
    sizes : tuple
        Sizes that were asked for; "all" is what every arm can give.
    rows : int
        What every arm can give: rows of train without a twin in test.
    train : int
        Rows of train: the arm of unchanged train alone can give more.

    >>> trainings((50, 100, 130, "all"), 120, 150)
    [(50, 0), (50, 1), (100, 0), (120, 0), (130, 0)]
    """
    counts = sorted({rows if size == "all" else int(size) for size in sizes})
    return [
        (count, number)
        for count in counts
        for number in range(SEEDS if count <= SEEDED_UP_TO and count < rows else 1)
        if 0 < (number + 1) * count <= (rows if number else train)
    ]


def plan(spec: RunSpec, rows: int, train: int) -> list[Training]:
    """Return every training of a run, all arms and seeds of a model and size side by side; see `trainings`."""
    return [
        Training(model=model, rows=count, seed=spec.seed + number, control=control)
        for model in spec.models
        for count, number in trainings(spec.sizes, rows, train)
        for control in CONTROLS
        if count <= rows or control == "none"
    ]


def notes_on(sizes: tuple[int | str, ...], rows: int, train: int) -> list[str]:
    """Say which sizes can't be trained, or not on every arm; see `trainings`."""
    asked = sorted(size for size in sizes if isinstance(size, int) and size > rows)
    alone = [f"{size:,}" for size in asked if size <= train]
    missing = [f"{size:,}" for size in asked if size > train]
    notes = [f"no training on {', '.join(missing)} rows: train has {train:,}"] if missing else []
    if alone:
        notes.append(f"training on {', '.join(alone)} rows without controls: train has {rows:,} without a twin in test")
    return notes


def threads_of(rows: int) -> int:
    """Return the number of threads that a training computes with: fixed, so that its bits are."""
    return 2 if rows >= ALONE_FROM else 1


def clusters(ids: pa.Array, removed: pa.Table) -> Rows:
    """Give each row the number of its group: rows with the same best twin share one."""
    twin_of = dict(zip(removed["id"].to_pylist(), removed["twin_id"].to_pylist(), strict=True))
    names = np.array([twin_of.get(name, name) for name in ids.to_pylist()], dtype=object)
    return np.unique(names, return_inverse=True)[1] if len(names) else np.empty(0, np.int64)


class Bootstrap:
    """Resample groups of rows; the same draws serve every comparison on one test set.

    Percentile intervals of the cluster bootstrap; see Efron and Tibshirani, An Introduction to the
    Bootstrap, sections 8.3 and 13.3.
    """

    def __init__(self, groups: Rows, seed: int) -> None:
        self.groups, self.count = groups, int(groups.max(initial=-1)) + 1
        draws = np.random.default_rng([seed, 7]).integers(0, max(self.count, 1), (DRAWS, self.count))
        self.weights = np.stack([np.bincount(draw, minlength=self.count) for draw in draws])

    def difference_of_arms(self, one: Shares, two: Shares) -> Interval | None:
        """Compare two arms on the same rows, in percentage points.

        Parameters
        ----------
        one, two : ndarray
            Right answers, 0 or 1, shape (seeds, rows).

        Returns
        -------
        tuple or None
            The mean over seeds. The interval is the wider of two: Student's for the mean over seeds, which holds
            what differs from seed to seed, and, of what resampling the rows gives, the part that all seeds have in
            common. (Joined in quadrature the two hold the truth in up to 99 of 100 draws, since Student's is wide
            already with three seeds; chosen by measurement, tests/benchmarks/coverage.py.) From one seed it is the
            rows' part alone: it says how these two models differ, not how two others would.
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

    def difference_of_rows(self, correct: Shares, kept: Mask) -> Interval | None:
        """Compare the accuracy on all rows with that on the rows that are kept, in percentage points."""
        if not kept.any() or kept.all():
            return None
        columns = [correct, np.ones(len(correct)), correct * kept, kept.astype(float)]
        return self._interval(columns, lambda t: t[0] / t[1] - t[2] / t[3])

    def _in_common(self, differences: Shares) -> float:
        """Return which share of the variance of the mean over seeds, over resampled rows, is the same in every seed."""
        sums = np.stack([np.bincount(self.groups, row, self.count) for row in differences])
        sizes = np.bincount(self.groups, minlength=self.count)
        covariance = np.cov((sums @ self.weights.T) / (sizes @ self.weights.T))
        if not covariance.any():
            return 0.0
        seeds = len(covariance)
        between = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
        return float(max(0.0, between) / covariance.mean())

    def _interval(self, columns: list[Shares], statistic: Callable[[Shares], Shares]) -> Interval | None:
        if not self.count:
            return None
        sums = np.stack([np.bincount(self.groups, column, self.count).astype(np.float64) for column in columns])
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = statistic(sums @ self.weights.T)
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
        return 100 * float(statistic(sums.sum(axis=1))), 100 * float(low), 100 * float(high)
