"""Propose, for each photograph, the images of another split with the most similar bits, in the best of its forms.

All pairs are compared if this should take at most ten minutes of one core; otherwise MinHash proposes. An empty form
finds no pattern. The comparison is exact: a pattern must exceed the similarity of the candidates so far.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise

import numpy as np

from tasks.arrays import Floats, RowNumbers
from tasks.joined import is_first
from tasks.kernel import Functions, compiled
from tasks.overlap.candidates import AT_ONCE, Signed, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands, RecallCounts, sampled
from tasks.overlap.patterns import Patterns, all_shared, least_shared, whole_percent
from tasks.registration.forms import FORMS
from tasks.threads import of_task

CANDIDATES, FLOOR = 10, 0.50  # per image; lowest similarity of bits, except for the best candidate
PAIR = 16.0  # nanoseconds of one core to compare a form of a row with a pattern, in sets of look-alikes
JOINED = 4  # multiple of all candidates: pairs of MinHash to merge at a time
FIRST_TILES = (64, 256)  # ends of tiles for numpy that are small, since nothing limits their candidates yet
ROWS, TILE = 128, 1024  # rows to search for at a time, in all forms; patterns for numpy to compare at a time
THREADS = 2
NOTHING = -1
Groups = tuple[RowNumbers, RowNumbers]  # of each row and of each pattern


@dataclass(frozen=True)
class Nearest:
    """The most similar patterns of each row, best first, (n, count) each, filled up with -1."""

    row: RowNumbers  # numbers of the patterns
    similarity: Floats  # Jaccard similarity of set bits in the best form
    form: RowNumbers  # number of that form

    @classmethod
    def nothing(cls, rows: int, count: int) -> "Nearest":
        """Return the state before a search."""
        shape = rows, count
        return cls(np.full(shape, NOTHING), np.full(shape, -1.0), np.full(shape, NOTHING))

    def beside(self, other: "Nearest") -> "Nearest":
        """Return all these and all others of the same rows; an image may be among both."""
        return Nearest(*(np.hstack([getattr(side, each.name) for side in (self, other)]) for each in fields(self)))

    def joined(self, at: RowNumbers, row: RowNumbers, similarity: Floats, form: RowNumbers) -> "Nearest":
        """Return the best of these and of the patterns found for the rows `at`."""
        known = np.nonzero(self.row != NOTHING)
        at, row = np.append(known[0], at), np.append(self.row[known], row)
        similarity, form = np.append(self.similarity[known], similarity), np.append(self.form[known], form)
        order = np.lexsort((form, -similarity, row, at))
        order = order[is_first(at[order], row[order])]  # keeps the best form of each pattern
        order = order[np.lexsort((row[order], -similarity[order], at[order]))]
        place = np.arange(len(order)) - np.searchsorted(at[order], at[order])
        order, place = order[place < self.row.shape[1]], place[place < self.row.shape[1]]
        best = Nearest.nothing(*self.row.shape)
        for values, found in ((best.row, row), (best.similarity, similarity), (best.form, form)):
            values[at[order], place] = found[order]
        return best


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


def nearest(forms: Sequence[Patterns], others: Patterns, count: int, floor: float, groups: Groups) -> Nearest:
    """Return the best pattern of each row, and up to `count` with a Jaccard similarity of set bits of at least `floor`.

    The rows come in each form, n patterns each with at most half of the bits set. The groups of the rows, int64 (n,),
    and of the patterns, int64 (patterns,), exclude pairs: a row gets no pattern of its own group.

    >>> ones = Patterns.of(np.packbits(np.tril(np.ones((4, 16), np.uint8)), axis=1), 16)
    >>> nearest([ones], ones, 2, 0.5, (np.arange(4), np.arange(4))).row.tolist()
    [[1, -1], [2, 0], [3, 1], [2, 1]]
    """
    if not len(others) or not len(forms[0]):
        return Nearest.nothing(len(forms[0]), count)
    blocks = [slice(start, start + ROWS) for start in range(0, len(forms[0]), ROWS)]
    kernel = compiled()
    search = partial(_by_kernel, kernel) if kernel else _by_numpy
    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        found = pool.map(
            lambda rows: search([form[rows] for form in forms], others, count, floor, (groups[0][rows], groups[1])),
            blocks,
        )
        parts = list(found)
    row, similarity, form = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "similarity", "form")
    )
    below = similarity < floor
    below[:, 0] = False
    row[below], similarity[below], form[below] = NOTHING, -1.0, NOTHING
    return Nearest(row, similarity, form)


def _by_kernel(
    kernel: Functions, forms: list[Patterns], others: Patterns, count: int, floor: float, groups: Groups
) -> Nearest:
    best = Nearest.nothing(len(groups[0]), count)
    words, counts = (np.stack([getattr(form, name) for form in forms], axis=1) for name in ("words", "counts"))
    rows = words, counts, groups[0], len(words), len(forms)
    patterns = others.words, others.counts, groups[1], len(others), others.words.shape[1]
    kernel.nearest(*rows, *patterns, count, floor, best.row, best.similarity, best.form)
    return best


def _by_numpy(forms: list[Patterns], others: Patterns, count: int, floor: float, groups: Groups) -> Nearest:
    best = Nearest.nothing(len(groups[0]), count)
    row, form = (part.ravel() for part in np.meshgrid(np.arange(len(groups[0])), np.arange(len(forms))))
    words, counts = (np.concatenate([getattr(form, name) for form in forms]) for name in ("words", "counts"))
    edges = np.minimum([0, *FIRST_TILES, *range(TILE, len(others), TILE), len(others)], len(others))
    for start, end in pairwise(np.unique(edges).tolist()):
        tile = others[start:end]
        least = np.maximum(best.similarity[:, -1], np.minimum(best.similarity[:, 0], floor))[row]
        shared = all_shared(words, tile.words)
        similarity = shared / np.maximum(counts[:, None] + tile.counts - shared, 1)
        good = (similarity >= least[:, None]) & (counts > 0)[:, None]
        good &= groups[1][start:end] != groups[0][row][:, None]
        i, j = np.divmod(np.flatnonzero(good), len(tile))  # nonzero takes up to six times as long
        best = best.joined(row[i], j + start, similarity[i, j], form[i])
    return best
