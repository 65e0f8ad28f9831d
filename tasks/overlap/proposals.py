"""Propose, for each photograph, the images of another split with the most similar bits, in the best of its forms.

All pairs are compared if this should take at most ten minutes of one core; otherwise MinHash proposes.
"""

from collections.abc import Sequence
from itertools import repeat

import numpy as np

from tasks import kernel
from tasks.overlap.candidates import HEAVY, Signed, Sorted, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands, RecallCounts, sampled
from tasks.overlap.nearest import Nearest, RowGroups, nearest
from tasks.overlap.patterns import Counts, Patterns, Words, by_row, least_shared, whole_percent
from tasks.overlap.prints import slices
from tasks.registration.forms import FORMS
from tasks.threads import THREADS, several_threads

CANDIDATES, FLOOR = 10, 0.50  # per image; lowest similarity of bits, except for the best candidate
PAIR = 16.0 * FORMS  # nanoseconds of one core to compare a row with a pattern, in sets of look-alikes
SIGNED, AT_ONCE = 8192, 180_000  # rows of a thread, and patterns with keys in memory: 70 MB for 96 bands
SORTED = 16  # bands with sorted keys in memory: 30 MB


def affordable(bands: Bands | None, pairs: int) -> Bands | None:
    """Return these bands, or None if comparing all of `pairs` pairs of photographs is affordable."""
    return None if PAIR * pairs <= AFFORDABLE else bands


def propose(
    forms: Sequence[Patterns],
    others: Patterns,
    groups: RowGroups,
    bands: Bands | None,
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
    found = by_minhash(forms, others, groups, bands, count)
    if not sample:
        return found, None
    rows = sampled(len(found.row), bands.seed, sample)
    truth = nearest([form[rows] for form in forms], others, count, FLOOR, (groups[0][rows], groups[1]))
    percent, best = whole_percent(np.maximum(truth.similarity[:, 0], 0)), truth.row[:, 0]
    return found, RecallCounts.of(percent, best >= 0, found.row[rows, 0] == best)


def by_minhash(forms: Sequence[Patterns], others: Patterns, groups: RowGroups, bands: Bands, count: int) -> Nearest:
    """Return the best candidates that MinHash finds by set bits; see `propose`."""
    parts = THREADS * -(-len(groups[0]) // (THREADS * SIGNED))  # as many for each thread
    rows, how = np.array_split(np.arange(len(groups[0])), max(1, parts)), (round(100 * FLOOR), bands)
    own = []
    for mine in rows:
        numbers, of_row = (values.repeat(len(forms)) for values in (np.arange(len(mine)), groups[0][mine]))
        own.append(Signed.of(by_row([form[mine] for form in forms]), numbers, of_row, *how))
    best = [Nearest.nothing(len(mine), count) for mine in rows]
    with several_threads() as pool:
        for some in slices(len(others), AT_ONCE):
            part = slice(some.start, some.stop)
            there = Signed.of(others[part], np.arange(some.start, some.stop), groups[1][part], *how)
            for sorting in slices(bands.bands, SORTED):
                keys = list(pool.map(there.sorted_by, sorting))
                best = list(pool.map(_with_met, best, own, repeat(keys)))
            del there, keys  # before the next ones take as much memory
    return Nearest.concatenated(best)


def _with_met(best: Nearest, own: Signed, keys: Sequence[Sorted]) -> Nearest:
    """Return the best of these and of the patterns of the other side that have a key of a row in any of its bands."""
    need = np.maximum(least_shared(round(100 * FLOOR), own.patterns.length), 1)  # empty patterns share nothing
    for there in keys:
        mine, others = own.sorted_by(there.band), there.signed
        for i, j, shared in met(mine, there, need, _meet(best, mine, there, need)):
            row, similarity = own.numbers[i], shared / (own.patterns.counts[i] + others.patterns.counts[j] - shared)
            good = (others.groups[j] != own.groups[i]) & (similarity >= best.similarity[row, -1])
            best = best.joined(row[good], others.numbers[j[good]], similarity[good])
    return best


def _meet(best: Nearest, mine: Sorted, there: Sorted, need: Counts) -> Words | None:
    """Keep the best patterns with a key of a row, if there is a kernel; return the keys that too many share."""
    if not (compiled := kernel.functions):
        return None
    crowds, last = np.empty(len(mine.words), np.uint64), best.similarity[:, -1].copy()
    sides = (part for side in (mine, there) for part in (side.words, len(side.words), side.signed.records))
    kept = best.row.shape[1], best.row, best.similarity, last, crowds
    return crowds[: compiled.meet(*sides, mine.signed.patterns.words.shape[1], need, HEAVY, *kept)]
