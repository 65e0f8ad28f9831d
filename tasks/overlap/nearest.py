"""Find the most similar bit patterns of each row: candidates for twins that are decided on pixels.

A row is searched for in several forms, as it is, trimmed, moved, and counts with the best of them; a form without any
bit set finds nothing. The search is exact. A pattern is compared where a bound lets it be among the best: as in
`tasks.overlap.complete`, the distance of projections on a few axes is at most the number of bits in which two patterns
differ, d, and a Jaccard similarity of at least s of their set bits, a and b many, asks for

    d <= (1 - s) / (1 + s) * (a + b).

Here s is the similarity that a row's candidates have reached already: the longer the search, the fewer pass.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tasks.arrays import Floats, Pixels, RowNumbers
from tasks.overlap.complete import principal_axes
from tasks.overlap.patterns import Patterns, shared_bits
from tasks.threads import of_task

ROWS, TILE = 128, 4096  # rows that are searched for at a time, in all forms; patterns that they meet at a time
TILES = 16  # that are projected at a time: 50 MB
AXES, SAMPLE = 192, 1024  # of the projections; patterns that the axes are computed from
THREADS = 2
SLACK = 0.52  # more than single precision can err by, in bits
MANY = 0.25  # share of pairs; where more pass the bound, it costs less to count the bits of all in a matrix product
NOTHING = -1


@dataclass(frozen=True)
class Nearest:
    """The most similar patterns of each row, best first.

    Attributes
    ----------
    row : ndarray
        int64 (n, count): numbers of the patterns, -1 where there are no more.
    similarity : ndarray
        float64 (n, count): Jaccard similarity of set bits in the best form, -1 where there is no pattern.
    form : ndarray
        int64 (n, count): number of that form.
    """

    row: RowNumbers
    similarity: Floats
    form: RowNumbers

    @classmethod
    def nothing(cls, rows: int, count: int) -> "Nearest":
        """Return what is known before a search."""
        shape = rows, count
        return cls(np.full(shape, NOTHING), np.full(shape, -1.0), np.full(shape, NOTHING))

    def take(self, rows: RowNumbers) -> "Nearest":
        """Return those of some rows, in their order."""
        return Nearest(self.row[rows], self.similarity[rows], self.form[rows])

    def least(self, floor: float) -> Floats:
        """Return the similarity from which a pattern is of interest: the best of a row, and more from the floor on."""
        return np.maximum(self.similarity[:, -1], np.minimum(self.similarity[:, 0], floor))

    def joined(self, at: RowNumbers, row: RowNumbers, similarity: Floats, form: RowNumbers) -> "Nearest":
        """Return the best of these and of patterns that were found for the rows `at`."""
        known = np.nonzero(self.row != NOTHING)
        at, row = np.append(known[0], at), np.append(self.row[known], row)
        similarity, form = np.append(self.similarity[known], similarity), np.append(self.form[known], form)
        order = np.lexsort((form, -similarity, row, at))
        is_first = np.ones(len(order), np.bool_)  # of the forms in which a pattern was found
        is_first[1:] = (np.diff(at[order]) != 0) | (np.diff(row[order]) != 0)
        order = order[is_first]
        order = order[np.lexsort((row[order], -similarity[order], at[order]))]
        place = np.arange(len(order)) - np.searchsorted(at[order], at[order])
        order, place = order[place < self.row.shape[1]], place[place < self.row.shape[1]]
        best = Nearest.nothing(*self.row.shape)
        for values, found in ((best.row, row), (best.similarity, similarity), (best.form, form)):
            values[at[order], place] = found[order]
        return best


def nearest(
    forms: Sequence[Patterns], others: Patterns, count: int, floor: float, groups: tuple[RowNumbers, RowNumbers]
) -> Nearest:
    """Return the best pattern of each row, and up to `count` from the floor on.

    Parameters
    ----------
    forms : sequence of Patterns
        The rows in each form, n patterns each; of patterns in which at most half of the bits are set.
    others : Patterns
    count : int
    floor : float
        Jaccard similarity of set bits.
    groups : tuple of ndarray
        int64 (n,) and int64 (patterns,): group of each row and of each pattern; a row gets no pattern of its own group.

    >>> ones = Patterns.of(np.packbits(np.tril(np.ones((4, 16), np.uint8)), axis=1), 16)
    >>> nearest([ones], ones, 2, 0.5, (np.arange(4), np.arange(4))).row.tolist()
    [[1, -1], [2, 0], [3, 1], [2, 1]]
    """
    found = Nearest.nothing(len(forms[0]), count)
    if not len(others) or not len(forms[0]):
        return found
    axes = _axes(forms[0], others)
    blocks = [slice(start, start + ROWS) for start in range(0, len(forms[0]), ROWS)]
    numbers = _dealt(len(others))[0]
    seen = others.take(numbers)
    bits = seen.unpacked()

    def first_look(rows: slice) -> Nearest:
        return _first_look(forms[0][rows], groups[0][rows], seen, numbers, groups[1][numbers], bits, count)

    with ThreadPoolExecutor(of_task(THREADS)) as pool:
        parts = list(pool.map(first_look, blocks))
        for tiles in _tiles(others, axes):

            def search(rows: slice, best: Nearest, tiles: Sequence[_Tile] = tiles) -> Nearest:
                return _search([form[rows] for form in forms], tiles, axes, best, floor, (groups[0][rows], groups[1]))

            parts = list(pool.map(search, blocks, parts))
    found = Nearest(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "similarity", "form"))
    )
    below = found.similarity < floor
    below[:, 0] = False
    found.row[below], found.similarity[below], found.form[below] = NOTHING, -1.0, NOTHING
    return found


class _Tile(NamedTuple):
    """Some patterns, their numbers, and the factors of their bounds."""

    numbers: RowNumbers
    patterns: Patterns
    right: Pixels


def _dealt(count: int) -> list[RowNumbers]:
    """Deal numbers out to tiles, so that each is a sample of all: a good candidate is met early."""
    tiles = -(-count // TILE)
    return [np.arange(first, count, tiles) for first in range(tiles)]


def _tiles(others: Patterns, axes: Pixels) -> Iterator[list[_Tile]]:
    """Yield the tiles of patterns, some at a time."""
    deals = _dealt(len(others))
    for start in range(0, len(deals), TILES):
        dealt = [(rows, others.take(rows)) for rows in deals[start : start + TILES]]
        yield [_Tile(rows, tile, _factors(tile.unpacked() @ axes, tile)) for rows, tile in dealt]


def _search(
    forms: list[Patterns],
    tiles: Sequence[_Tile],
    axes: Pixels,
    best: Nearest,
    floor: float,
    groups: tuple[RowNumbers, RowNumbers],
) -> Nearest:
    """Return the best of what was found before and of some tiles."""
    row, form = (part.ravel() for part in np.meshgrid(np.arange(len(groups[0])), np.arange(len(forms))))
    said = np.concatenate([of.counts for of in forms]) > 0  # a form that is not there has no bits
    stack = Patterns.of(np.concatenate([of.bits for of in forms])[said], forms[0].length)
    row, form = row[said], form[said]
    bits = stack.unpacked()
    position = bits @ axes
    for numbers, tile, right in tiles:
        least = best.least(floor)[row]
        passing = _bounds(position, stack, least) @ right.T <= SLACK
        if np.count_nonzero(passing) > MANY * passing.size:  # with all bits as axes, the bound is the distance itself
            passing = _bounds(bits, stack, least) @ _factors(tile.unpacked(), tile).T <= SLACK
        i, j = np.divmod(np.flatnonzero(passing), len(numbers))  # nonzero takes up to six times as long
        shared = shared_bits(stack.words, tile.words, i, j)
        similarity = shared / np.maximum(stack.counts[i] + tile.counts[j] - shared, 1)
        good = (similarity >= least[i]) & (groups[1][numbers[j]] != groups[0][row[i]])
        i, j = i[good], j[good]
        best = best.joined(row[i], numbers[j], similarity[good], form[i])
    return best


def _first_look(
    rows: Patterns,
    groups: RowNumbers,
    others: Patterns,
    numbers: RowNumbers,
    groups_of_others: RowNumbers,
    bits: Pixels,
    count: int,
) -> Nearest:
    """Return the best among some others, of these numbers and bits: every bound needs something to start from."""
    shared = (rows.unpacked() @ bits.T).astype(np.int64)  # whole numbers: exact in single precision
    similarity = shared / np.maximum(rows.counts[:, None] + others.counts - shared, 1)
    similarity[(groups_of_others == groups[:, None]) | (rows.counts[:, None] == 0)] = -1
    least = np.partition(similarity, -min(count, len(others)), axis=1)[:, -min(count, len(others)), None]
    at, place = np.nonzero(similarity >= np.maximum(least, 0))
    nothing = Nearest.nothing(len(rows), count)
    return nothing.joined(at, numbers[place], similarity[at, place], np.zeros(len(at), np.int64))


def _axes(rows: Patterns, others: Patterns) -> Pixels:
    """Return axes along which a sample of the patterns varies most, float32 (length, AXES)."""
    sides = [(side, np.linspace(0, len(side) - 1, min(SAMPLE // 2, len(side)))) for side in (rows, others)]
    sample = np.concatenate([side.take(at.astype(int)).unpacked() for side, at in sides])
    return principal_axes(sample, AXES)


def _factors(position: Pixels, patterns: Patterns) -> Pixels:
    """Return the second side of a matrix product that gives squared distances less what is allowed; see `_bounds`."""
    counts = patterns.counts.astype(np.float32)
    columns = [-2 * position, (position**2).sum(axis=1)[:, None], counts[:, None], np.ones((len(counts), 1))]
    return np.concatenate(columns, axis=1, dtype=np.float32)


def _bounds(position: Pixels, patterns: Patterns, least: Floats) -> Pixels:
    least = np.maximum(least, 0)  # of a row for which nothing was found yet, -1
    allowed = (1 - least) / (1 + least)
    own = (position.astype(np.float64) ** 2).sum(axis=1) - allowed * patterns.counts
    columns = [position, np.ones((len(own), 1)), -allowed[:, None], own[:, None]]
    return np.concatenate(columns, axis=1, dtype=np.float32)
