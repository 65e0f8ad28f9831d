"""Predict how many matches are mere look-alikes, and choose from which similarity on matches are believed.

Look-alikes become rarer with similarity, at a rate that their own numbers show. Let z = artanh(s), Fisher's transform
of a similarity s. The share of best matches with at least z falls off about exponentially, which is a power of 1 - s,
the law of distances between neighbours in a smooth distribution (Levina and Bickel, Maximum likelihood estimation of
intrinsic dimension, 2004). So the rows in the two half units of z below a threshold, n1 and then n2, tell how many
look-alikes there are above it:

    r = n2 / n1,    look-alikes = n2 * r / (1 - r).

Both counts are taken one standard deviation higher than they are, and r is at most 0.95. Where too few rows lie in the
farther half unit to measure r, it is at least one half. Nothing is predicted where hardly any row lies below both, for
then all rows have a look-alike.

A set may hold pictures of several kinds: some that nothing resembles, and some that all resemble each other. Of the
latter, the former say nothing. So rows in a *crowd*, whose fifth best match is similar, too, are predicted apart,
unless they are only a few. Where nothing can be predicted of a kind, its matches count as look-alikes.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betainc, gammainc

from tasks.records.verdict import PRECISION
from tasks.views import photo
from tasks.vocabulary.arrays import Floats, Mask

HALF_UNIT = 0.5
FEW, FEW_SHARE = 20, 0.03  # rows, and share of them, that are too few to measure a rate from
MOST = 0.95  # of r
LOWEST, HIGHEST = round(100 * photo.LOWEST), 99  # percent: between these the threshold of a set of pictures lies
SMALL, LARGE = (40, LOWEST), (128, 97)  # short side in pixels, and lowest threshold for it
CROWDED = 0.66  # half a unit of z below the lowest threshold


class Best(NamedTuple):
    """Best match of each row: its similarity, and that of the fifth best candidate, float64 (n,) each."""

    similarity: Floats
    crowd: Floats

    def where(self, rows: Mask) -> "Best":
        """Return those of some rows."""
        return Best(self.similarity[rows], self.crowd[rows])


def predicted_precision(rows: Best, pool: Best, percents: range) -> dict[int, float | None]:
    """Return the predicted precision of matches from each percent on; None where nothing can be predicted.

    It never falls with similarity: what is believed at one is believed at a higher one.

    Parameters
    ----------
    rows : Best
        Of the rows that may be called twins.
    pool : Best
        Of these and of further rows, from which the rate is measured.
    percents : range
        In rising order.

    >>> sure = Best(np.r_[np.linspace(0, 0.6, 200), np.full(50, 0.98)], np.zeros(250))
    >>> predicted_precision(sure, sure, range(90, 93))[92] > 0.9
    True
    """
    parts = _kinds(rows, pool)
    found: dict[int, float | None] = {}
    best: float | None = None
    for percent in percents:
        counts = [_at_least(part.similarity, percent) for part, _ in parts]
        false = [look_alikes(part.similarity, of.similarity, percent) for part, of in parts]
        if sum(counts) and any(expected is not None for expected in false):
            wrong = sum(n if expected is None else expected for n, expected in zip(counts, false, strict=True) if n)
            best = max(best or 0.0, 1 - wrong / sum(counts))
        found[percent] = best
    return found


def look_alikes(rows: Floats, pool: Floats, percent: int) -> float | None:
    """Return how many rows are expected to have a look-alike from this percent on; None where that can't be said."""
    low, middle, high = np.tanh(np.arctanh(percent / 100) - HALF_UNIT * np.array([2, 1, 0]))
    few = _few(pool)
    if (pool < middle).sum() < few:
        return None
    far, close = _between(pool, low, middle), _between(pool, middle, high)
    rate = _raised(close) / (far + 1)
    rate = min(max(rate, 0.5) if far < few else rate, MOST)
    return float(_raised(_between(rows, middle, high)) * rate / (1 - rate))


def own_percent(precision: dict[int, float | None]) -> int | None:
    """Return the lowest percent at which the predicted precision is as asked for; None where there is none."""
    return next((percent for percent, value in precision.items() if value is not None and value >= PRECISION), None)


def least_percent(short_side: float) -> int:
    """Return the lowest threshold for pictures whose shorter side has so many pixels.

    The larger pictures are, the less a copy of them loses, and the more a look-alike differs.

    >>> least_percent(32), least_percent(64), least_percent(500)
    (86, 91, 97)
    """
    sides, percents = zip(SMALL, LARGE, strict=True)
    return int(np.ceil(np.interp(np.log(short_side), np.log(sides), percents) - 1e-9))


def stands_out(rows: Floats, percents: range) -> bool:
    """Say whether more matches are very similar than the decline of the less similar ones leads to expect.

    Tested at each percent, at the 0.1 % level of a Poisson distribution: of mean m, it has n or more with the
    probability P(n, m), the regularized incomplete gamma function.
    """
    for percent in percents:
        expected = look_alikes(rows, rows, percent)
        if expected is not None and gammainc(_at_least(rows, percent), expected) < 0.001:
            return True
    return False


def is_common(alike: int, pairs: int) -> bool:
    """Say whether more than one random pair in a hundred is alike, beyond chance (Clopper and Pearson, 95 %).

    Of n pairs of which each is alike with probability p, k or more are with the probability I_p(k, n - k + 1), the
    regularized incomplete beta function; where that is less than 2.5 % for p = 0.01, the interval lies above it.

    >>> is_common(0, 0), is_common(3, 100), is_common(5, 100)
    (False, False, True)
    """
    return bool(alike and betainc(alike, pairs - alike + 1, 0.01) < 0.025)


def _kinds(rows: Best, pool: Best) -> list[tuple[Best, Best]]:
    """Return the rows that stand alone and those in a crowd, each with its pool; all together where either are few."""
    crowded = rows.crowd >= CROWDED, pool.crowd >= CROWDED
    if min(crowded[1].sum(), (~crowded[1]).sum()) < _few(pool.crowd):
        return [(rows, pool)]
    return [(rows.where(inside), pool.where(of_pool)) for inside, of_pool in (crowded, (~crowded[0], ~crowded[1]))]


def _few(pool: Floats) -> float:
    return max(FEW, FEW_SHARE * len(pool))


def _raised(count: int) -> float:
    return count + 0.5 + float(np.sqrt(count + 0.5))


def _between(similarity: Floats, low: float, high: float) -> int:
    return int(((similarity >= low) & (similarity < high)).sum())


def _at_least(similarity: Floats, percent: int) -> int:
    return int((similarity >= percent / 100).sum())
