"""Propose, for each photograph, the images of another split with the most similar bits.

All pairs are compared if this should take at most ten minutes of one core; otherwise MinHash proposes.
"""

from collections.abc import Sequence

import numpy as np

from tasks.overlap.candidates import AT_ONCE, Signed, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands, RecallCounts, sampled
from tasks.overlap.nearest import Groups, Nearest, nearest
from tasks.overlap.patterns import Patterns, least_shared, whole_percent
from tasks.registration.forms import FORMS

CANDIDATES, FLOOR = 10, 0.50  # per image; lowest similarity of bits, except for the best candidate
PAIR = 16.0  # nanoseconds of one core to compare a form of a row with a pattern, in sets of look-alikes
JOINED = 4  # multiple of all candidates: pairs of MinHash to merge at a time


def cost_of(pairs: int) -> float:
    """Return the nanoseconds of one core that comparing all pairs takes."""
    return PAIR * FORMS * pairs


def affordable(bands: Bands | None, pairs: int) -> Bands | None:
    """Return these bands, or None if comparing all of `pairs` pairs of photographs is affordable."""
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
    """Return the candidates of rows and, if MinHash proposes, its counts on a sample of rows.

    The rows come in each form; `groups` are explained in `tasks.overlap.nearest.nearest`. Without bands all pairs are
    compared at any cost. `count` is the number of candidates per row, and `sample` the number of rows that are
    also compared exhaustively to measure the recall of MinHash.
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
    """Return the best candidates that MinHash finds by set bits; see `propose`."""
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
