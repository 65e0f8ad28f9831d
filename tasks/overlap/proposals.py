"""Propose, for each photograph, those of another split that its bits are most similar to.

All pairs are compared where ten minutes of one core are expected to suffice. Beyond that MinHash proposes.
"""

from collections.abc import Sequence

import numpy as np

from tasks.overlap.candidates import AT_ONCE, Signed, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands
from tasks.overlap.nearest import Groups, Nearest, nearest
from tasks.overlap.patterns import Patterns, least_shared, whole_percent
from tasks.overlap.recall import RecallCounts, sampled
from tasks.registration.forms import FORMS

CANDIDATES, FLOOR = 10, 0.50  # of a picture; similarity of bits from which there may be more than one
PAIR = 16.0  # nanoseconds of one core that comparing a form of a row with a pattern takes in sets of look-alikes
JOINED = 4  # times the candidates of all rows: pairs of MinHash that are put together at a time


def cost_of(pairs: int) -> float:
    """Return the nanoseconds of one core that comparing all pairs takes."""
    return PAIR * FORMS * pairs


def affordable(bands: Bands | None, pairs: int) -> Bands | None:
    """Return how to search so many pairs of photographs: by these bands, or None where all pairs are affordable."""
    return None if cost_of(pairs) <= AFFORDABLE else bands


def propose(
    forms: Sequence[Patterns],
    others: Patterns,
    groups: Groups,
    bands: Bands | None,
    seed: int,
    count: int = CANDIDATES,
    sample: int = 0,
) -> tuple[Nearest, RecallCounts | None]:
    """Return the candidates of rows, and what MinHash finds on a sample of rows, where it proposes.

    The rows come in each form; groups are those of `tasks.overlap.nearest.nearest`. Without bands all pairs are
    compared, whatever that costs. `count` is of candidates per row, and `sample` of rows that are compared with all
    where MinHash proposes, to measure what it misses.
    """
    if bands is None:
        return nearest(forms, others, count, FLOOR, groups), None
    found = by_minhash(forms, others, groups, bands, seed, count)
    if not sample:
        return found, None
    rows = sampled(len(found.row), seed, sample)
    truth = nearest([form[rows] for form in forms], others, count, FLOOR, (groups[0][rows], groups[1]))
    percent, best = whole_percent(np.maximum(truth.similarity[:, 0], 0)), truth.row[:, 0]
    return found, RecallCounts.of(percent, best >= 0, found.row[rows, 0] == best)


def by_minhash(
    forms: Sequence[Patterns], others: Patterns, groups: Groups, bands: Bands, seed: int, count: int
) -> Nearest:
    """Return the best of what MinHash finds by set bits for rows; see `propose`."""
    percent = round(100 * FLOOR)
    need, best = least_shared(percent, others.length), Nearest.nothing(len(groups[0]), count)
    signed = [Signed.of(form, percent, bands, seed) for form in forms]
    waiting = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))]
    for start in range(0, len(others), AT_ONCE):
        part = Signed.of(others[start : start + AT_ONCE], percent, bands, seed)
        for in_band in map(part.sorted_by, range(bands.bands)):
            for number, form in enumerate(signed):
                for pairs in met(form.sorted_by(in_band.band), in_band, need):
                    row, pattern = pairs.first, pairs.second + start
                    similarity = pairs.shared / (forms[number].counts[row] + others.counts[pattern] - pairs.shared)
                    good = (groups[1][pattern] != groups[0][row]) & (similarity >= best.similarity[row, -1])
                    waiting.append((row[good], pattern[good], similarity[good], np.full(good.sum(), number)))
                    if sum(len(found[0]) for found in waiting) > JOINED * best.row.size:
                        best, waiting = best.joined(*map(np.concatenate, zip(*waiting, strict=True))), waiting[:1]
    return best.joined(*map(np.concatenate, zip(*waiting, strict=True)))
