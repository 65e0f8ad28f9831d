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
from tasks.registration.views import LOWEST

HALF_UNIT = 0.5
WINDOWS = np.arange(0.3, np.arctanh(0.99) + 1e-9, 0.05)  # ends of windows, in units of z
LEAST_END = 1.3  # the lowest threshold: windows up to it bound all higher thresholds
FEW, FEW_SHARE = 20, 0.03  # number of rows, and their share, that are too few to measure a rate
STEEPEST = 0.95  # maximum of r
FIRST, LAST = round(100 * LOWEST), 99  # percent: range of the threshold of a set
NEAR_IDENTICAL = 0.99  # agreement
SMALL, OF_SMALL = 48, 0.995  # short side in pixels of the smallest normal image, and the agreement for smaller ones
BY_CHANCE = 0.01  # probability that an image without a copy is nearly identical to another one
CROWDED = 0.66  # agreement of look-alikes that makes a crowd: half a unit of z below the lowest threshold


def usual_near_identity(short_side: int | None) -> float:
    """Return the lowest agreement of duplicates in any set; see docs/photos.md."""
    return OF_SMALL if short_side is not None and short_side < SMALL else NEAR_IDENTICAL


def near_identity(random: Floats, best: Floats, size: int, short_side: int | None) -> float | None:
    """Return the lowest agreement of duplicates in a set whatever else it has, or None if random pairs reach it.

    It is above the usual one if many `best` matches in train reach that and most random pairs are similar: then one of
    `size` look-alikes reaches it with probability `BY_CHANCE`, if z of random pairs is normal (Fisher, Metron 1, 1921).
    """
    least = usual_near_identity(short_side)
    if is_common(int((random >= least).sum()), len(random)):
        return None
    certain, reach = random[random > 0], int((best >= least).sum())
    if len(certain) < FEW or np.median(certain) < CROWDED or not is_common(reach, len(best)):
        return least
    middle, high = np.quantile(fisher(certain), [0.5, 0.9])
    reached = np.tanh(middle + (high - middle) * ndtri(1 - BY_CHANCE / size) / ndtri(0.9))
    return max(least, float(np.ceil(reached * 10_000) / 10_000))


def look_alikes(rows: Floats, pool: Floats, percent: int) -> float | None:
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
