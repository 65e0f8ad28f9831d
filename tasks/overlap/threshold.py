"""Predict how many matches of photographs are mere look-alikes, and from which agreement on matches are believed.

Let z = artanh(G), Fisher's transform of an agreement G. The share of look-alikes with at least z falls at least as fast
as an exponential: their distances are those of neighbours in a smooth distribution, a power of 1 - G (Levina and
Bickel, Maximum likelihood estimation of intrinsic dimension, 2004), so the tail is log-concave in z. Take a window of
two half units of z, with n1 and then n2 matches, that ends at u. It extrapolates, with r = n2 / n1,

    look-alikes from z on = n2 * r / (1 - r) * r^((z - u) / half),

which is an upper bound wherever the window lies at or below z. Copies in its nearer half raise it, so the least bound
of all windows counts: copies can't hide each other. Copies in its farther half would lower it, so n1 counts as at most
what the windows below lead to expect there.

All counts are taken one standard deviation higher than they are, and r is at most 0.95. A window says nothing where
hardly any match lies in its farther half.
"""

import numpy as np
from scipy.special import betainc

from tasks.arrays import Floats
from tasks.overlap.components import fisher
from tasks.records.verdict import PRECISION
from tasks.registration.photo import LOWEST

HALF_UNIT = 0.5
WINDOWS = np.arange(0.3, np.arctanh(0.99) + 1e-9, 0.05)  # units of z: where windows end
LEAST_END = 1.3  # the lowest threshold, from which on windows bound what is above; lower ones bound higher ones
FEW, FEW_SHARE = 20, 0.03  # rows, and share of them, that are too few to measure a rate from
STEEPEST = 0.95  # r at most
FIRST, LAST = round(100 * LOWEST), 99  # percent: between these the threshold of a set lies
NEAR_IDENTICAL = 0.99  # agreement
SMALL, OF_SMALL = 48, 0.995  # pixels of the short side below which a picture is small, and its agreement
CROWDED = 0.66  # agreement of look-alikes that makes a crowd: half a unit of z below the lowest threshold


def near_identical(short_side: int | None) -> float:
    """Return the agreement from which two pictures are the same whatever their set says; see docs/photos.md."""
    return OF_SMALL if short_side is not None and short_side < SMALL else NEAR_IDENTICAL


def look_alikes(rows: Floats, pool: Floats, percent: int) -> float | None:
    """Return the least bound of how many rows have a look-alike from this percent on; None where no window tells.

    `rows` and `pool` are the agreements of best matches, float64 (n,): of the rows, and of these and further rows, from
    which rates are measured.
    """
    z, own, end = fisher(pool), fisher(rows), np.arctanh(percent / 100)
    uppers = WINDOWS[end + 1e-9 >= WINDOWS]
    far, close = (_between(z, uppers - (back + 1) * HALF_UNIT, uppers - back * HALF_UNIT) for back in (1, 0))
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
    here = _raised(_between(own, uppers - HALF_UNIT, uppers))
    return float(_extrapolated(here, rate, end - uppers)[bounding].min())


def own_percent(rows: Floats, pool: Floats) -> int | None:
    """Return the lowest percent whose matches have the predicted precision that is asked for; None without any."""
    for percent in range(FIRST, LAST + 1):
        count, wrong = int((rows >= percent / 100).sum()), look_alikes(rows, pool, percent)
        if count and wrong is not None and 1 - wrong / count >= PRECISION:
            return percent
    return None


def are_few(rows: int, of: int) -> bool:
    """Return whether rows are too few to be judged by themselves."""
    return rows < max(FEW, FEW_SHARE * of)


def is_common(alike: int, pairs: int) -> bool:
    """Say whether more than one random pair in a hundred is alike, beyond chance (Clopper and Pearson, 95 %).

    Of n pairs of which each is alike with probability p, k or more are with the probability I_p(k, n - k + 1), the
    regularized incomplete beta function; where that is less than 2.5 % for p = 0.01, the interval lies above it.

    >>> is_common(0, 0), is_common(3, 100), is_common(5, 100)
    (False, False, True)
    """
    return bool(alike and betainc(alike, pairs - alike + 1, 0.01) < 0.025)


def _extrapolated(count: Floats, rate: Floats, distance: Floats) -> Floats:
    """Return how many are farther than a distance above a window, in whose nearer half are so many."""
    return count * rate / (1 - rate) * rate ** (distance / HALF_UNIT)


def _between(z: Floats, low: Floats, high: Floats) -> Floats:
    """Return how many values lie in each window."""
    ordered = np.sort(z)
    return (np.searchsorted(ordered, high) - np.searchsorted(ordered, low)).astype(np.float64)


def _raised(count: Floats) -> Floats:
    return count + 0.5 + np.sqrt(count + 0.5)
