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

from tasks.arrays import Floats, RowNumbers
from tasks.overlap.pairs import Pairs
from tasks.overlap.proposals import CANDIDATES
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
MOST = CANDIDATES // 2  # candidates in one component, from which on there may be more of it
FIFTH = 4  # place of the candidate, from 0, that says what look-alikes reach
GAP = 1.0  # units of z that end the copies of a picture among its candidates


def near_identical(short_side: int | None) -> float:
    """Return the agreement from which two pictures are the same whatever their set says.

    Of 109 judged pairs of look-alikes that were chosen to be hard, one is above; see docs/photos.md.
    """
    return OF_SMALL if short_side is not None and short_side < SMALL else NEAR_IDENTICAL


def best_of(pairs: Pairs, count: int, side: int, within: bool) -> Floats:
    """Return the similarity of each image of a side with its best match, float64 (count,); 0 where there is none."""
    best = np.zeros(count)
    for end in (pairs.first, pairs.second) if within else (pairs.ends(side)[0],):
        np.maximum.at(best, end, pairs.similarity)
    return best


def homes(of: RowNumbers, components: tuple[RowNumbers, RowNumbers], other: RowNumbers) -> RowNumbers:
    """Return the component that each image belongs to, or that most of its candidates are in, int64 (images,).

    Parameters
    ----------
    of, other : ndarray
        int64 (n,): images and their candidates.
    components : tuple of ndarray
        int64: those of the images and of the candidates, in one numbering.
    """
    own, theirs = components
    sizes = np.bincount(np.concatenate([own] if own is theirs else [own, theirs]), minlength=1)
    pairs, counts = np.unique(np.stack([of, theirs[other]]), axis=1, return_counts=True)
    many = (counts >= MOST) & (sizes[own[pairs[0]]] == 1)
    found = own.copy()
    found[pairs[0][many]] = pairs[1][many]
    return found


def look_alikes_of(pairs: Pairs, components: tuple[RowNumbers, RowNumbers], side: int, within: bool) -> Floats:
    """Return what look-alikes of each picture of a side reach, float64 (images,); 0 where it has few.

    Copies are one picture, so components of near-identical ones are looked at: a picture has the candidates of all that
    are in its component, and of each other component the best one counts.
    """
    of, other = pairs.ends(side)
    agreed, own, theirs = pairs.similarity, components[side], components[0 if within else 1 - side]
    if within:
        of, other, agreed = np.append(of, other), np.append(other, of), np.append(agreed, agreed)
    home = homes(of, (own, theirs), other)
    count = int(max(own.max(initial=-1), theirs.max(initial=-1))) + 1
    one, two = home[of], theirs[other]
    order = np.lexsort((-agreed, two, one))
    order = order[
        (one[order] != two[order]) & ((np.diff(one[order], prepend=-1) != 0) | (np.diff(two[order], prepend=-1) != 0))
    ]
    order = order[np.lexsort((-agreed[order], one[order]))]
    place = np.arange(len(order)) - np.searchsorted(one[order], one[order])
    order, place = order[place < CANDIDATES], place[place < CANDIDATES]
    found = np.zeros((count, CANDIDATES))
    found[one[order], place] = np.maximum(agreed[order], 0)
    return beyond_copies(found)[home]


def beyond_copies(candidates: Floats) -> Floats:
    """Return what look-alikes of each picture reach: its fifth best candidate, not counting its own copies.

    A gap of one unit of z among the candidates ends its copies, where those before it may be the same picture.

    >>> beyond_copies(np.array([[0.99, 0.98, 0.6, 0.5, 0.4, 0.3, 0.2, 0, 0, 0], [0.9] * 10])).tolist()
    [0.2, 0.9]
    """
    z = _z(candidates)
    reached = candidates[:, FIFTH].copy()
    gaps = (z[:, :-1] - z[:, 1:] >= GAP) & (candidates[:, :-1] >= LOWEST) & (candidates[:, 1:] > 0)
    rows = np.flatnonzero(gaps.any(axis=1))
    place = np.minimum(gaps[rows].argmax(axis=1) + 1 + FIFTH, candidates.shape[1] - 1)
    reached[rows] = candidates[rows, place]
    return reached


def look_alikes(rows: Floats, pool: Floats, percent: int) -> float | None:
    """Return the least bound of how many rows have a look-alike from this percent on; None where no window tells.

    Parameters
    ----------
    rows : ndarray
        Agreement of the best match of rows, float64 (n,).
    pool : ndarray
        The same of these and further rows, from which rates are measured.
    percent : int
    """
    z, own, end = _z(pool), _z(rows), np.arctanh(percent / 100)
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
    """Say whether rows are too few to be judged by themselves."""
    return rows < max(FEW, FEW_SHARE * of)


def is_common(alike: int, pairs: int) -> bool:
    """Say whether more than one random pair in a hundred is alike, beyond chance (Clopper and Pearson, 95 %).

    Of n pairs of which each is alike with probability p, k or more are with the probability I_p(k, n - k + 1), the
    regularized incomplete beta function; where that is less than 2.5 % for p = 0.01, the interval lies above it.

    >>> is_common(0, 0), is_common(3, 100), is_common(5, 100)
    (False, False, True)
    """
    return bool(alike and betainc(alike, pairs - alike + 1, 0.01) < 0.025)


def _z(agreement: Floats) -> Floats:
    z: Floats = np.arctanh(np.clip(agreement, -0.999, 0.9999))
    return z


def _extrapolated(count: Floats, rate: Floats, distance: Floats) -> Floats:
    """Return how many are farther than a distance above a window, in whose nearer half are so many."""
    return count * rate / (1 - rate) * rate ** (distance / HALF_UNIT)


def _between(z: Floats, low: Floats, high: Floats) -> Floats:
    """Return how many values lie in each window."""
    ordered = np.sort(z)
    return (np.searchsorted(ordered, high) - np.searchsorted(ordered, low)).astype(np.float64)


def _raised(count: Floats) -> Floats:
    return count + 0.5 + np.sqrt(count + 0.5)
