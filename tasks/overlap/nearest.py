"""Find the most similar bit patterns of each row: candidates for duplicates that are decided on pixels.

A row counts with the best of its forms; a form without any bit set finds nothing. The search is exact: a pattern is
compared where a bound lets it be among the best, see `tasks.overlap.bounds`. The bound is the similarity that a row's
candidates have reached already: the longer the search, the fewer pass.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Floats, Pixels, RowNumbers
from tasks.joined import is_first
from tasks.overlap import bounds
from tasks.overlap.patterns import Patterns, shared_bits
from tasks.threads import of_task

ROWS, FIRST_TILE, TILE = 128, 64, 4096  # rows searched for at a time, in all forms; patterns that they meet at a time
TILES = 16  # that are projected at a time: 50 MB
AXES, SAMPLE = 192, 512  # of the projections; patterns of each side that the axes are computed from
THREADS = 2
NOTHING = -1
Groups = tuple[RowNumbers, RowNumbers]  # of each row and of each pattern
Tile = tuple[RowNumbers, Patterns, Pixels]  # numbers of some patterns, these, and the second factor of their bounds


@dataclass(frozen=True)
class Nearest:
    """The most similar patterns of each row, best first, (n, count) each; -1 where there are no more."""

    row: RowNumbers  # numbers of the patterns
    similarity: Floats  # Jaccard similarity of set bits in the best form
    form: RowNumbers  # number of that form

    @classmethod
    def nothing(cls, rows: int, count: int) -> "Nearest":
        """Return what is known before a search."""
        shape = rows, count
        return cls(np.full(shape, NOTHING), np.full(shape, -1.0), np.full(shape, NOTHING))

    def joined(self, at: RowNumbers, row: RowNumbers, similarity: Floats, form: RowNumbers) -> "Nearest":
        """Return the best of these and of patterns that were found for the rows `at`."""
        known = np.nonzero(self.row != NOTHING)
        at, row = np.append(known[0], at), np.append(self.row[known], row)
        similarity, form = np.append(self.similarity[known], similarity), np.append(self.form[known], form)
        order = np.lexsort((form, -similarity, row, at))
        order = order[is_first(at[order], row[order])]  # of the forms in which a pattern was found
        order = order[np.lexsort((row[order], -similarity[order], at[order]))]
        place = np.arange(len(order)) - np.searchsorted(at[order], at[order])
        order, place = order[place < self.row.shape[1]], place[place < self.row.shape[1]]
        best = Nearest.nothing(*self.row.shape)
        for values, found in ((best.row, row), (best.similarity, similarity), (best.form, form)):
            values[at[order], place] = found[order]
        return best


def nearest(forms: Sequence[Patterns], others: Patterns, count: int, floor: float, groups: Groups) -> Nearest:
    """Return the best pattern of each row, and up to `count` with a Jaccard similarity of set bits from the floor on.

    The rows come in each form, n patterns each, in which at most half of the bits are set. The groups are int64 (n,)
    and int64 (patterns,), of each row and of each pattern; a row gets no pattern of its own group.

    >>> ones = Patterns.of(np.packbits(np.tril(np.ones((4, 16), np.uint8)), axis=1), 16)
    >>> nearest([ones], ones, 2, 0.5, (np.arange(4), np.arange(4))).row.tolist()
    [[1, -1], [2, 0], [3, 1], [2, 1]]
    """
    if not len(others) or not len(forms[0]):
        return Nearest.nothing(len(forms[0]), count)
    sample = np.concatenate([bounds.evenly(side, SAMPLE).unpacked() for side in (forms[0], others)])
    axes, numbers = bounds.principal_axes(sample, AXES), _dealt(len(others))
    blocks = [slice(start, start + ROWS) for start in range(0, len(forms[0]), ROWS)]
    parts = [Nearest.nothing(len(forms[0][rows]), count) for rows in blocks]
    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        for start in range(0, len(numbers), TILES):
            dealt = [(some, others[some]) for some in numbers[start : start + TILES]]
            tiles = [(some, tile, bounds.right(tile.unpacked() @ axes, tile.counts)) for some, tile in dealt]

            def search(rows: slice, best: Nearest, tiles: list[Tile] = tiles) -> Nearest:
                return _search([form[rows] for form in forms], tiles, axes, best, floor, (groups[0][rows], groups[1]))

            parts = list(pool.map(search, blocks, parts))
    row, similarity, form = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "similarity", "form")
    )
    below = similarity < floor
    below[:, 0] = False
    row[below], similarity[below], form[below] = NOTHING, -1.0, NOTHING
    return Nearest(row, similarity, form)


def _dealt(count: int) -> list[RowNumbers]:
    """Deal numbers out to tiles, each a sample of all; the first are small, since nothing bounds what passes there."""
    tiles = -(-count // TILE)
    order = np.concatenate([np.arange(first, count, tiles) for first in range(tiles)])
    edges = FIRST_TILE * 4 ** np.arange(20)
    return np.split(order, np.append(edges[edges < TILE], np.arange(TILE, count, TILE)))


def _search(
    forms: list[Patterns], tiles: Sequence[Tile], axes: Pixels, best: Nearest, floor: float, groups: Groups
) -> Nearest:
    """Return the best of what was found before and of some tiles."""
    row, form = (part.ravel() for part in np.meshgrid(np.arange(len(groups[0])), np.arange(len(forms))))
    said = np.concatenate([of.counts for of in forms]) > 0  # a form that is not there has no bits
    stack = Patterns.of(np.concatenate([of.bits for of in forms])[said], forms[0].length)
    row, form, position, most = row[said], form[said], stack.unpacked() @ axes, bounds.slack(stack.length)
    for numbers, tile, factor in tiles:
        reached = np.maximum(best.similarity[:, -1], np.minimum(best.similarity[:, 0], floor))
        least = np.maximum(reached, 0)[row]  # the best of a row counts, and more from the floor on
        allowed = (1 - least) / (1 + least)
        passing = bounds.left(position, stack.counts, allowed) @ factor.T <= most
        i, j = np.divmod(np.flatnonzero(passing), len(numbers))  # nonzero takes up to six times as long
        shared = shared_bits(stack.words, tile.words, i, j)
        similarity = shared / np.maximum(stack.counts[i] + tile.counts[j] - shared, 1)
        good = (similarity >= least[i]) & (groups[1][numbers[j]] != groups[0][row[i]])
        i, j = i[good], j[good]
        best = best.joined(row[i], numbers[j], similarity[good], form[i])
    return best
