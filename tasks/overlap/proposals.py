"""Propose, for each photograph, the images of another split with the most similar bits, in the best of its forms.

All pairs are compared if this should take at most ten minutes of one core; otherwise MinHash proposes. An empty form
finds no pattern. The comparison is exact: a pattern must exceed the similarity of the candidates so far.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from tasks.arrays import Floats, RowNumbers
from tasks.joined import is_first
from tasks.kernel import compiled
from tasks.overlap.candidates import AT_ONCE, HEAVY, Signed, Sorted, met
from tasks.overlap.complete import AFFORDABLE
from tasks.overlap.minhash import Bands, RecallCounts, sampled
from tasks.overlap.patterns import Counts, Patterns, Words, all_shared, least_shared, whole_percent
from tasks.registration.forms import FORMS
from tasks.threads import several_threads

CANDIDATES, FLOOR = 10, 0.50  # per image; lowest similarity of bits, except for the best candidate
PAIR = 16.0  # nanoseconds of one core to compare a form of a row with a pattern, in sets of look-alikes
JOINED = 4  # multiple of all candidates: pairs of MinHash to merge at a time
ROWS, TILE = 128, 256  # rows to search for at a time, in all forms; patterns for numpy to compare at a time
NOTHING = -1
Groups = tuple[RowNumbers, RowNumbers]  # of each row and of each pattern


@dataclass(frozen=True)
class Nearest:
    """The most similar patterns of each row, best first, (n, count) each, filled up with -1."""

    row: RowNumbers  # numbers of the patterns
    similarity: Floats  # Jaccard similarity of set bits in the best form

    @classmethod
    def nothing(cls, rows: int, count: int) -> "Nearest":
        """Return the state before a search."""
        return cls(np.full((rows, count), NOTHING), np.full((rows, count), -1.0))

    def beside(self, other: "Nearest") -> "Nearest":
        """Return all these and all others of the same rows; an image may be among both."""
        return Nearest(np.hstack([self.row, other.row]), np.hstack([self.similarity, other.similarity]))

    def joined(self, at: RowNumbers, row: RowNumbers, similarity: Floats) -> "Nearest":
        """Return the best of these and of the patterns found for the rows `at`."""
        known = np.nonzero(self.row != NOTHING)
        at, row = np.append(known[0], at), np.append(self.row[known], row)
        similarity = np.append(self.similarity[known], similarity)
        order = np.lexsort((-similarity, row, at))
        order = order[is_first(at[order], row[order])]  # keeps the best form of each pattern
        order = order[np.lexsort((row[order], -similarity[order], at[order]))]
        place = np.arange(len(order)) - np.searchsorted(at[order], at[order])
        order, place = order[place < self.row.shape[1]], place[place < self.row.shape[1]]
        best = Nearest.nothing(*self.row.shape)
        best.row[at[order], place], best.similarity[at[order], place] = row[order], similarity[order]
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
    need = np.maximum(least_shared(percent, others.length), 1)  # patterns without set bits share nothing
    signed, best = [Signed.of(form, percent, bands, seed) for form in forms], Nearest.nothing(len(groups[0]), count)
    waiting = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    with several_threads() as pool:
        for start, own, there in _by_band(signed, others, percent, bands, seed, pool):
            crowds = _meet(own, there, start, others, groups, need, best, pool)
            for pairs in met(own, there, need, crowds):
                row, pattern, both = pairs.first, pairs.second + start, pairs.shared
                similarity = both / (own.signed.patterns.counts[row] + others.counts[pattern] - both)
                good = (groups[1][pattern] != groups[0][row]) & (similarity >= best.similarity[row, -1])
                waiting.append((row[good], pattern[good], similarity[good]))
                if sum(len(found[0]) for found in waiting) > JOINED * best.row.size:
                    best, waiting = best.joined(*map(np.concatenate, zip(*waiting, strict=True))), waiting[:1]
    return best.joined(*map(np.concatenate, zip(*waiting, strict=True)))


def _by_band(
    signed: list[Signed], others: Patterns, percent: int, bands: Bands, seed: int, pool: Executor
) -> Iterator[tuple[int, Sorted, Sorted]]:
    """Yield each form of the rows and patterns from a number on, both sorted by a band."""
    for start in range(0, len(others), AT_ONCE):
        part = Signed.of(others[start : start + AT_ONCE], percent, bands, seed)
        for band in range(bands.bands):
            there, *forms = pool.map(Signed.sorted_by, [part, *signed], repeat(band))
            for own in forms:
                yield start, own, there


def _meet(
    own: Sorted,
    there: Sorted,
    start: int,
    others: Patterns,
    groups: Groups,
    need: Counts,
    best: Nearest,
    pool: Executor,
) -> Words | None:
    """Keep the best patterns with the keys of rows, if there is a kernel; return the keys that too many share."""
    if not (kernel := compiled()):
        return None
    if not len(own.keys):
        return own.keys
    forms, middle = own.signed.patterns, own.keys[len(own.keys) // 2]
    patterns = there.rows + start

    def meet(mine: slice, theirs: slice) -> Words:
        crowds = np.empty(len(own.keys[mine]), np.uint64)
        left = kernel.meet(
            *(own.keys[mine], own.rows[mine], len(crowds), there.keys[theirs], patterns[theirs], len(patterns[theirs])),
            *(forms.words, forms.counts, groups[0], others.words, others.counts, groups[1]),
            *(others.words.shape[1], need, HEAVY, best.row.shape[1], best.row, best.similarity, crowds),
        )
        return crowds[:left]

    # A row has one key, and no key is in both halves, so the threads keep patterns of different rows.
    mine, theirs = (int(np.searchsorted(side.keys, middle)) for side in (own, there))
    halves = pool.map(meet, [slice(mine), slice(mine, None)], [slice(theirs), slice(theirs, None)])
    return np.concatenate(list(halves))


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
    with several_threads() as pool:
        found = pool.map(
            lambda rows: _nearest([form[rows] for form in forms], others, count, (groups[0][rows], groups[1])),
            [slice(start, start + ROWS) for start in range(0, len(forms[0]), ROWS)],
        )
        parts = list(found)
    row, similarity = (np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "similarity"))
    below = similarity < floor
    below[:, 0] = False
    row[below], similarity[below] = NOTHING, -1.0
    return Nearest(row, similarity)


def _nearest(forms: list[Patterns], others: Patterns, count: int, groups: Groups) -> Nearest:
    best, (n, width) = Nearest.nothing(len(groups[0]), count), others.words.shape
    if kernel := compiled():
        words, counts = (np.stack([getattr(form, name) for form in forms], axis=1) for name in ("words", "counts"))
        sides = words, counts, groups[0], len(words), len(forms), others.words, others.counts, groups[1], n, width
        kernel.nearest(*sides, count, best.row, best.similarity)
        return best
    row = np.tile(np.arange(len(groups[0])), len(forms))
    words, counts = (np.concatenate([getattr(form, name) for form in forms]) for name in ("words", "counts"))
    for start in range(0, n, TILE):
        tile = others[start : start + TILE]
        shared = all_shared(words, tile.words)
        similarity = shared / np.maximum(counts[:, None] + tile.counts - shared, 1)
        good = (similarity >= best.similarity[row, -1:]) & (counts > 0)[:, None]
        good &= groups[1][start : start + TILE] != groups[0][row][:, None]
        i, j = np.divmod(np.flatnonzero(good), len(tile))  # nonzero takes up to six times as long
        best = best.joined(row[i], j + start, similarity[i, j])
    return best
