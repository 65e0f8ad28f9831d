"""Intervals for accuracies and for their differences, with rows in groups and repeated trainings.

Copies of one image are right or wrong together, so the effective size of a test set is smaller than its rows, and a few
images with many copies can dominate a mean. Constants were chosen by simulation, in ``tests.benchmarks.coverage``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from tasks.arrays import Floats, Mask, RowNumbers

Interval = tuple[float, float, float]  # estimate, low, high
CONFIDENCE = 0.95
OUTWEIGHS, STANDS_OUT = 0.2, 3  # a large group: share of the sum of squared weights, and multiple of the median weight
DRAWS = 4000  # of the unobserved answers of large groups


class _Groups:
    """Rows by group: `of_row` (n,), the share of rows of each group (groups,), and which groups are large (groups,).

    `others` are the rows outside large groups (n,), and `of_other` their groups, numbered from 0.
    """

    def __init__(self, groups: RowNumbers) -> None:
        self.of_row = np.unique(groups, return_inverse=True)[1]
        self.weights = np.bincount(self.of_row) / len(groups)
        squares = self.weights**2
        self.large = (self.weights > STANDS_OUT * np.median(self.weights)) & (squares > OUTWEIGHS * squares.sum())
        self.others = ~self.large[self.of_row]
        self.of_other = np.unique(self.of_row[self.others], return_inverse=True)[1]
        self.freedom = max(1, int(self.of_other.max()))  # number of other groups - 1

    def means(self, values: Floats) -> Floats:
        """Mean of the values of each group."""
        return np.bincount(self.of_row, values) / np.bincount(self.of_row)


@dataclass(frozen=True)
class Mean:
    """The mean over some test rows of repeated trainings, and the components of its variance; see `mean_of`."""

    per_training: Floats
    of_rows: float  # variance of the mean over trainings due to the rows
    of_both: float  # its component from the interaction of rows and trainings
    error_of_both: float  # standard error of this component
    least: float  # variance if one row differs
    freedom: int
    large: Floats  # weights of large groups
    might_be: Floats  # possible answers of a group, less the mean


def accuracy(right: Floats, groups: RowNumbers, confidence: float = CONFIDENCE) -> Interval:
    """Return an accuracy and its interval, from 0 to 1, never of width 0.

    The interval is Jeffreys' (Brown, Cai and DasGupta, Statistical Science 16, 2001) for the effective number of rows,
    reduced for few groups as by Korn and Graubard, Survey Methodology 24 (1998). Answers of large groups are resampled
    from the answers of all groups. `right`, float64 (n,), is 0 or 1, or a share over trainings, with n of at least 1.
    `groups`, int64 (n,), are the groups of rows.

    >>> accuracy(np.array([1.0] * 8 + [0.0] * 2), np.arange(10))
    (0.8, 0.429..., 0.969...)
    """
    grouped, share = _Groups(groups), float(right.mean())
    others = right[grouped.others]
    variance, effective, together = _variance_of_mean(others, grouped.of_other)
    mean, tail = float(others.mean()), (1 - confidence) / 2
    if variance > 0:
        effective = min(mean * (1 - mean) / variance, len(others))
    effective *= (ndtri(tail) / stdtrit(grouped.freedom, tail)) ** 2
    shape = mean * effective + 0.5, (1 - mean) * effective + 0.5
    if not grouped.large.any():
        low, high = betaincinv(*shape, [tail, 1 - tail])
        return share, 0.0 if mean == 0 else float(low), 1.0 if mean == 1 else float(high)
    rng = np.random.default_rng(0)
    truth = share - mean + betaincinv(*shape, rng.random(DRAWS))
    answered = np.append(grouped.means(right), [0, 1])
    for weight in grouped.weights[grouped.large]:
        truth -= weight * math.sqrt(together) * (rng.choice(answered, DRAWS) - answered.mean())
    low, high = np.quantile(truth, [tail, 1 - tail])
    return share, max(0.0, float(low)), min(1.0, float(high))


def difference_of_rows(right: Floats, kept: Mask, groups: RowNumbers) -> Interval | None:
    """Return the accuracy on all rows less that on the `kept` rows, in points; None if all or none are kept.

    It combines the intervals of both parts by method 10 of Newcombe, Statistics in Medicine 17 (1998).
    """
    if not kept.any() or kept.all():
        return None
    one, low, high = accuracy(right[~kept], groups[~kept])
    other, other_low, other_high = accuracy(right[kept], groups[kept])
    scale = 100 * float((~kept).mean())
    down, up = math.hypot(one - low, other_high - other), math.hypot(high - one, other - other_low)
    return scale * (one - other), scale * (one - other - down), scale * (one - other + up)


def mean_of(differences: Floats, groups: RowNumbers) -> Mean:
    """Return the mean difference of two arms on some rows, with the components of its variance.

    Rows and trainings are two crossed random factors (Searle, Casella and McCulloch, Variance Components, 1992). If the
    arms hardly differ, the variance is that of one differing row, similar to the added observations of Agresti and Min,
    Statistics in Medicine 24 (2005). `differences`, float64 (trainings, n), are -1, 0 or 1, with n of at least 1;
    `groups` is int64 (n,).
    """
    grouped = _Groups(groups)
    seen, of_row = differences[:, grouped.others], grouped.of_other
    average = seen.mean(axis=0)
    variance, effective, together = _variance_of_mean(average, of_row)
    # 1 if all trainings differ on the same rows, or if their differences cancel on every row
    alike = float((average**2).mean() / (seen**2).mean()) if average.any() else 1.0
    answered = grouped.means(differences.mean(axis=0))
    return Mean(
        differences.mean(axis=1),
        max(variance, alike / effective**2),
        *_variance_of_both(seen, of_row),
        alike / effective**2,
        grouped.freedom,
        grouped.weights[grouped.large],
        math.sqrt(together) * (answered - answered.mean()),
    )


def contrast(
    parts: Sequence[Mean], factors: Sequence[float], share_used: float = 0.0, confidence: float = CONFIDENCE
) -> Interval:
    """Return a weighted sum of means in percentage points, with Student's interval, never of width 0.

    Arms differ by chance in each training, with variance s^2 between T trainings, so s^2 / T in their mean. But all
    trainings of the treatment draw from the rows without a duplicate, and other duplicates would have left other rows.
    If each training uses a share f of these rows, all share a variance of f / (2 - f) s^2: none for small samples, and
    s^2 if each uses all rows, which makes repetitions identical. The variance between rows is added without their
    interaction with trainings, which is in both variances. If all trainings of the treatment are one (f = 1), few rows
    show the interaction, and only its lower confidence limit is left out. The degrees of freedom are Satterthwaite's.
    With one training, the interval describes these two models, not the procedure.

    `parts` are means of different rows under the same trainings, weighted by `factors`; `share_used`, from 0 to 1, is
    the share f of the rows of train without a duplicate.
    """
    pairs = list(zip(parts, factors, strict=True))
    per_training = np.sum([factor * part.per_training for part, factor in pairs], axis=0)
    trainings = len(per_training)
    rows, least = (sum(f**2 * getattr(part, name) for part, f in pairs) for name in ("of_rows", "least"))
    certain = float(ndtri(CONFIDENCE)) * share_used
    both = sum(f**2 * max(0.0, part.of_both - certain * part.error_of_both) for part, f in pairs)
    times = 1 / trainings + share_used / (2 - share_used)
    between = times * float(per_training.var(ddof=1)) if trainings > 1 else 0.0
    of_rows = max(0.0, rows - times * trainings * both)
    variance = max(least, of_rows + between)
    freedom = rows**2 / sum((factor**2 * part.of_rows) ** 2 / part.freedom for part, factor in pairs)
    if noise := of_rows**2 / freedom + between**2 / max(1, trainings - 1):
        freedom = min(freedom, variance**2 / noise)
    tail, deviation = (1 - confidence) / 2, math.sqrt(variance)
    mean, most = 100 * float(per_training.mean()), 100 * sum(map(abs, factors))  # the largest possible difference
    if not any(len(part.large) for part in parts):
        half = 100 * deviation * float(stdtrit(freedom, 1 - tail))
        return mean, max(-most, mean - half), min(most, mean + half)
    rng = np.random.default_rng(0)
    error = deviation * stdtrit(freedom, rng.random(DRAWS))
    for part, factor in pairs:
        for weight in part.large:
            error += factor * weight * rng.choice(part.might_be, DRAWS)
    low, high = np.quantile(error, [tail, 1 - tail])
    return mean, max(-most, mean - 100 * float(high)), min(most, mean - 100 * float(low))


def _variance_of_mean(values: Floats, groups: RowNumbers) -> tuple[float, float, float]:
    """Return the variance of the mean of grouped rows, the effective number of rows, and the correlation in groups.

    The variance over groups is unbiased but noisy. If Kish's design effect, 1 + (m - 1) r, gives more, the average of
    both is used; m is the mean size of a row's group, r the correlation inside groups (Kish, Survey Sampling, 1965).
    """
    weights = np.bincount(groups) / len(groups)
    leverage = np.minimum(weights, 0.5)
    over_groups = float(((np.bincount(groups, values - values.mean()) / len(values)) ** 2 / (1 - leverage)).sum())
    total = float(values.var(ddof=1)) if len(values) > 1 else 0.0
    together = _correlation(values, groups, total)
    design_effect = together * len(values) * float((weights**2).sum()) + 1 - together
    by_kish = total * design_effect / len(values)
    return max(over_groups, (over_groups + by_kish) / 2), len(values) / design_effect, together


def _correlation(values: Floats, groups: RowNumbers, total: float) -> float:
    """Return the correlation of rows in a group, from 0 to 1; without any evidence, 1."""
    sizes = np.bincount(groups)
    several = sizes > 1
    if not total or not several.any():
        return 1.0
    means = np.bincount(groups, values) / sizes
    squares = np.bincount(groups, (values - means[groups]) ** 2)[several]
    sizes = sizes[several]
    inside = float((squares * sizes / (sizes - 1)).sum() / sizes.sum())
    return min(1.0, max(0.0, 1 - inside / total))


def _variance_of_both(seen: Floats, groups: RowNumbers) -> tuple[float, float]:
    """Return the variance of the mean from the interaction of rows and trainings, and its standard error.

    Both are 0 with one training.
    """
    trainings, rows = seen.shape
    sums = np.stack([np.bincount(groups, row) for row in seen - seen.mean(axis=1)[:, None]]) / rows
    leverage = np.minimum(np.bincount(groups) / rows, 0.5)
    squares = ((sums - sums.mean(axis=0)) ** 2).sum(axis=0) / (1 - leverage)
    each = squares / max(1, trainings * (trainings - 1))
    return float(each.sum()), float(each.std() * math.sqrt(len(each)))
