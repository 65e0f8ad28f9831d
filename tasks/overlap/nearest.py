"""Find the most similar bit patterns of each row, as candidates for duplicates, which pixels decide.

The best of a row's forms counts; an empty form finds no pattern. The search is exact: a pattern must exceed the
similarity of the candidates so far.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from tasks.arrays import Floats, RowNumbers
from tasks.joined import is_first
from tasks.kernel import Functions, compiled
from tasks.overlap.patterns import Patterns, all_shared
from tasks.threads import of_task

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
