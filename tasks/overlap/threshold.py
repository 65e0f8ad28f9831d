"""Predict the number of look-alikes among matches of photographs, and the lowest agreement of believable matches.

Let z = artanh(G), Fisher's transform of an agreement G. The share of look-alikes with at least z falls at least as fast
as an exponential: their distances are neighbour distances in a smooth distribution, a power of 1 - G (Levina and
Bickel, Maximum likelihood estimation of intrinsic dimension, 2004), so the tail is log-concave in z. A window of two
halves, each half a unit of z wide, with n1 and then n2 matches, ends at u. With r = n2 / n1 it extrapolates

    look-alikes from z on = n2 * r / (1 - r) * r^((z - u) / half),

which is an upper bound for any window at or below z. Copies in its nearer half raise the bound, so the smallest bound
of all windows is used: copies cannot hide each other. Copies in its farther half would lower the bound, so n1 is
limited to the number that the windows below predict.

All counts are raised by one standard deviation, and r is at most 0.95. A window with hardly any match in its farther
half is ignored.
"""

import numpy as np
from scipy.special import betainc, ndtri

from tasks.arrays import Floats
from tasks.records.verdict import PRECISION
from tasks.registration.views import LOWEST

HALF_UNIT = 0.5
WINDOWS = np.arange(0.3, np.arctanh(0.999) + 1e-9, 0.05)  # ends of windows, in units of z
LEAST_END = 1.3  # the lowest threshold: windows up to it bound all higher thresholds
FEW, FEW_SHARE = 20, 0.03  # number of rows, and their share, that are too few to measure a rate
STEEPEST = 0.95  # maximum of r
FIRST, LAST = round(100 * LOWEST), 99  # percent: range of the threshold of a set
NEAR_IDENTICAL = 0.99  # agreement
SMALL, OF_SMALL = 48, 0.995  # short side in pixels of the smallest normal image, and the agreement for smaller ones
RAISED = (0.9925, 0.995, 0.9975, 0.999)  # higher lines of near-identity to try
LIKELY = 0.5  # predicted precision of matches that are undecided, and not different
BY_CHANCE = 0.01  # probability that an image without a copy is nearly identical to another one
CROWDED = 0.66  # agreement of look-alikes that makes a crowd: half a unit of z below the lowest threshold


def usual_near_identity(short_side: int | None) -> float:
    """Return the lowest agreement of duplicates in any set; see docs/photos.md."""
    return OF_SMALL if short_side is not None and short_side < SMALL else NEAR_IDENTICAL


def near_identity(random: Floats, best: Floats, size: int, short_side: int | None) -> float:
    """Return the lowest agreement of duplicates in a set whatever else it has, given its random pairs.

    It is above the usual one if many `best` matches in train reach that and most random pairs are similar. Then an
    image reaches it with probability `BY_CHANCE` by the best of `size` look-alikes, if z of random pairs is normal
    (Fisher, Metron 1, 1921) and z of best matches has a Gumbel distribution (Coles, An Introduction to
    Statistical Modeling of Extreme Values, 2001), whose lower half copies hardly change.
    """
    least = usual_near_identity(short_side)
    certain, reach = random[random > 0], int((best >= least).sum())
    if len(certain) < FEW or np.median(certain) < CROWDED or not is_common(reach, len(best)):
        return least
    middle, high = np.quantile(fisher(certain), [0.5, 0.9])
    of_pairs = middle + (high - middle) * ndtri(1 - BY_CHANCE / max(size, 1)) / ndtri(0.9)
    low, half = np.quantile(fisher(best), [0.25, 0.5])
    at = [-np.log(-np.log(share)) for share in (0.25, 0.5, 1 - BY_CHANCE)]
    of_best = half + (half - low) * (at[2] - at[1]) / (at[1] - at[0])
    return max(least, float(np.ceil(np.tanh(max(of_pairs, of_best)) * 10_000) / 10_000))


def believable(line: float, rows: Floats, pool: Floats) -> float | None:
    """Return the line of near-identity for a kind of image, raised if look-alikes reach it, or None if they always do.

    `rows` and `pool` have the same meaning as in `look_alikes`, but include near-identical matches. The line stays
    where nothing can be predicted, and where look-alikes are at most half of the rows above it; a higher line needs
    more.
    """

    def predicted(at: float) -> float | None:
        count, wrong = int((rows >= at).sum()), look_alikes(rows, pool, 100 * at)
        return None if wrong is None or not count else 1 - wrong / count

    usual = predicted(line)
    if usual is None or usual >= LIKELY:
        return line
    return next((at for at in RAISED if at > line and (predicted(at) or 0.0) >= PRECISION), None)


def look_alikes(rows: Floats, pool: Floats, percent: float) -> float | None:
    """Return the smallest bound on the number of rows with a look-alike at this percent; None without a window.

    `rows` and `pool`, float64 (n,), are the agreements of best matches: of the rows, and of these and further rows, to
    measure rates.
    """
    z, own, end = fisher(pool), fisher(rows), np.arctanh(percent / 100)
    uppers = WINDOWS[end + 1e-9 >= WINDOWS]
    far, close = (_counted(z, uppers - (back + 1) * HALF_UNIT, uppers - back * HALF_UNIT) for back in (1, 0))
    tells = np.flatnonzero(far >= max(FEW, FEW_SHARE * len(pool)))
    bounding = tells[uppers[tells] >= LEAST_END - 1e-9]
    if not len(bounding):
        return None
    close, rate = _raised(close), np.full(len(uppers), STEEPEST)
    for window in tells.tolist():
        start = uppers[window] - 2 * HALF_UNIT
        before = tells[uppers[tells] <= start]
        most = _extrapolated(close[before], rate[before], start - uppers[before]).min(initial=far[window])
        rate[window] = min(close[window] / (most + 1), STEEPEST)
    here = _raised(_counted(own, uppers - HALF_UNIT, uppers))
    return float(_extrapolated(here, rate, end - uppers)[bounding].min())


def lowest(matches: Floats, rows: Floats, pool: Floats, precision: float) -> int | None:
    """Return the lowest percent whose matches have a predicted precision, or None; `matches` are some of the rows."""
    for percent in range(FIRST, LAST + 1):
        count, wrong = int((matches >= percent / 100).sum()), look_alikes(rows, pool, percent)
        if count and wrong is not None and 1 - wrong / count >= precision:
            return percent
    return None


def is_common(alike: int, pairs: int) -> bool:
    """Return whether significantly more than 1 % of random pairs match (Clopper and Pearson, 95 %).

    If each of n pairs matches with probability p, at least k do with probability I_p(k, n - k + 1), the regularized
    incomplete beta function. If that is less than 2.5 % for p = 0.01, the interval is above 0.01.

    >>> is_common(0, 0), is_common(3, 100), is_common(5, 100)
    (False, False, True)
    """
    return bool(alike and betainc(alike, pairs - alike + 1, 0.01) < 0.025)


def fisher(agreement: Floats) -> Floats:
    """Return Fisher's transform z = artanh(G) of agreements."""
    return np.arctanh(np.clip(agreement, -0.999, 0.9999))


def _extrapolated(count: Floats, rate: Floats, distance: Floats) -> Floats:
    """Return the expected number beyond a distance above a window with `count` matches in its nearer half."""
    return count * rate / (1 - rate) * rate ** (distance / HALF_UNIT)


def _counted(z: Floats, low: Floats, high: Floats) -> Floats:
    """Return the number of values in each window."""
    ordered = np.sort(z)
    return (np.searchsorted(ordered, high) - np.searchsorted(ordered, low)).astype(np.float64)


def _raised(count: Floats) -> Floats:
    return count + 0.5 + np.sqrt(count + 0.5)
