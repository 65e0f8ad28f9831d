"""Compare each photograph, in the best of its forms, with all patterns of another split.

An empty form finds no pattern. The comparison is exact: a pattern must exceed the similarity of the best ones so far.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks import kernel
from tasks.arrays import Floats, RowNumbers
from tasks.joined import is_first
from tasks.overlap.images import NOTHING
from tasks.overlap.patterns import Patterns, all_shared, by_row
from tasks.threads import several_threads

ROWS, TILE = 128, 256  # rows to search for at a time, in all forms; patterns for numpy to compare at a time
RowGroups = tuple[RowNumbers, RowNumbers]  # of each row and of each pattern


@dataclass(frozen=True)
class Nearest:
    """The most similar patterns of each row, best first, (n, count) each, filled up with -1."""

    row: RowNumbers  # numbers of the patterns
    similarity: Floats  # Jaccard similarity of set bits in the best form

    @classmethod
    def nothing(cls, rows: int, count: int) -> "Nearest":
        """Return the state before a search."""
        return cls(np.full((rows, count), NOTHING), np.full((rows, count), -1.0))

    @classmethod
    def concatenated(cls, parts: Iterable["Nearest"]) -> "Nearest":
        """Concatenate the results of several sets of rows."""
        return cls(*map(np.concatenate, zip(*((part.row, part.similarity) for part in parts), strict=True)))

    def merged_with(self, other: "Nearest") -> "Nearest":
        """Return all these and all others of the same rows; an image may be among both."""
        return Nearest(np.hstack([self.row, other.row]), np.hstack([self.similarity, other.similarity]))

    def joined(self, at: RowNumbers, row: RowNumbers, similarity: Floats) -> "Nearest":
        """Return the best of these and of the patterns found for the rows `at`."""
        rows, at = np.unique(at, return_inverse=True)  # often few, and only these are sorted
        known = np.nonzero(self.row[rows] != NOTHING)
        at, row = np.append(known[0], at), np.append(self.row[rows][known], row)
        similarity = np.append(self.similarity[rows][known], similarity)
        order = np.lexsort((-similarity, row, at))
        order = order[is_first(at[order], row[order])]  # keeps the best form of each pattern
        order = order[np.lexsort((row[order], -similarity[order], at[order]))]
        place = np.arange(len(order)) - np.searchsorted(at[order], at[order])
        order, place = order[place < self.row.shape[1]], place[place < self.row.shape[1]]
        best = Nearest(self.row.copy(), self.similarity.copy())
        best.row[rows[at[order]], place], best.similarity[rows[at[order]], place] = row[order], similarity[order]
        return best


def nearest(forms: Sequence[Patterns], others: Patterns, count: int, floor: float, groups: RowGroups) -> Nearest:
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
        best = Nearest.concatenated(found)
    below = best.similarity < floor
    below[:, 0] = False
    best.row[below], best.similarity[below] = NOTHING, -1.0
    return best


def _nearest(forms: list[Patterns], others: Patterns, count: int, groups: RowGroups) -> Nearest:
    best, (n, width) = Nearest.nothing(len(groups[0]), count), others.words.shape
    if compiled := kernel.functions:
        rows = by_row(forms)
        first = rows.words, rows.counts, rows.eighths, groups[0], len(groups[0]), len(forms)
        second = others.words, others.counts, others.eighths, groups[1], n, width
        compiled.nearest(*first, *second, count, best.row, best.similarity)
        return best
    row, every = np.tile(np.arange(len(groups[0])), len(forms)), Patterns.joined(forms)
    for start in range(0, n, TILE):
        tile = others[start : start + TILE]
        shared = all_shared(every.words, tile.words)
        similarity = shared / np.maximum(every.counts[:, None] + tile.counts - shared, 1)
        good = (similarity >= best.similarity[row, -1:]) & (every.counts > 0)[:, None]
        good &= groups[1][start : start + TILE] != groups[0][row][:, None]
        i, j = np.divmod(np.flatnonzero(good), len(tile))  # nonzero takes up to six times as long
        best = best.joined(row[i], j + start, similarity[i, j])
    return best
