"""Propose, for each photograph, the images of another split with the most similar bits, in the best of its forms.

All pairs are compared if this should take at most ten minutes of one core; otherwise MinHash proposes.
"""

from collections.abc import Sequence
from itertools import repeat

import numpy as np

from tasks.arrays import Floats, RowNumbers
from tasks.kernel import compiled
from tasks.overlap.candidates import HEAVY, Signed, Sorted, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands, RecallCounts, sampled
from tasks.overlap.nearest import Groups, Nearest, nearest
from tasks.overlap.patterns import Counts, Patterns, Words, by_row, least_shared, whole_percent
from tasks.overlap.prints import slices
from tasks.registration.forms import FORMS
from tasks.threads import several_threads

CANDIDATES, FLOOR = 10, 0.50  # per image; lowest similarity of bits, except for the best candidate
PAIR = 16.0  # nanoseconds of one core to compare a form of a row with a pattern, in sets of look-alikes
JOINED = 4  # multiple of all candidates: pairs of MinHash to merge at a time
SIGNED, AT_ONCE = 8192, 75_000  # rows of a thread, and patterns with sorted keys in memory: 90 MB for 96 bands


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

    The rows come in each form; `groups` are explained in `nearest`. Without bands all pairs are compared at any cost.
    `count` is the number of candidates per row, and `sample` the number of rows that are also compared exhaustively to
    measure the recall of MinHash.
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
    rows = [slice(some.start, some.stop) for some in slices(len(groups[0]), SIGNED)]
    signed = [Signed.of(by_row([form[some] for form in forms]), percent, bands, seed) for some in rows]
    best = [Nearest.nothing(len(groups[0][some]), count) for some in rows]
    with several_threads() as pool:
        for start in range(0, len(others), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            there = list(pool.map(Signed.of(others[part], percent, bands, seed).sorted_by, range(bands.bands)))
            apart = [(groups[0][some], groups[1][part]) for some in rows]
            best = list(pool.map(_with_met, best, signed, repeat(there), apart, repeat(start)))
    return Nearest.together(best)


def _with_met(best: Nearest, signed: Signed, others: Sequence[Sorted], groups: Groups, start: int) -> Nearest:
    """Return the best of these and of the patterns, numbered from `start` on, that have a key of a row in any band.

    The rows are signed in all forms, the patterns sorted by each band.
    """
    need = np.maximum(least_shared(round(100 * FLOOR), signed.patterns.length), 1)  # empty patterns share nothing
    each, waiting = len(signed.counts) // max(1, len(best.row)), list[tuple[RowNumbers, RowNumbers, Floats]]()
    for there in others:
        own, (a, b) = signed.sorted_by(there.band), (signed.counts, there.signed.counts)
        for pairs in met(own, there, need, _meet(best, own, there, groups, start, need)):
            row, similarity = pairs.first // each, pairs.shared / (a[pairs.first] + b[pairs.second] - pairs.shared)
            good = (groups[1][pairs.second] != groups[0][row]) & (similarity >= best.similarity[row, -1])
            waiting.append((row[good], pairs.second[good] + start, similarity[good]))
            if sum(len(found[0]) for found in waiting) > JOINED * best.row.size:
                best, waiting = best.joined(*map(np.concatenate, zip(*waiting, strict=True))), []
    return best.joined(*map(np.concatenate, zip(*waiting, strict=True))) if waiting else best


def _meet(best: Nearest, own: Sorted, there: Sorted, groups: Groups, start: int, need: Counts) -> Words | None:
    """Keep the best patterns with a key of a row, if there is a kernel; return the keys that too many share."""
    if not (kernel := compiled()):
        return None
    crowds, each = np.empty(len(own.words), np.uint64), len(own.signed.counts) // max(1, len(best.row))
    first, second = (
        (side.words, len(side.words), side.signed.rows, of.words, of.counts, of.eighths, group)
        for side, of, group in zip((own, there), (own.signed.patterns, there.signed.patterns), groups, strict=True)
    )
    kept = need, HEAVY, best.row.shape[1], best.row, best.similarity, crowds
    return crowds[: kernel.meet(*first, each, *second, start, own.signed.patterns.words.shape[1], *kept)]
