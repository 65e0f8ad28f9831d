"""Find the twins of every row of two splits in each other: the engine in one call on plain arrays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.overlap.bands import Bands
from tasks.overlap.candidates import lsh_pairs
from tasks.overlap.complete import complete_pairs
from tasks.overlap.exact import EqualRows, equal_groups, group
from tasks.overlap.jaccard import similarity, whole_percent
from tasks.overlap.patterns import Pairs, Patterns
from tasks.overlap.twins import NONE, BestTwins, Found
from tasks.storage.decisions import Decisions
from tasks.threads import blas_threads
from tasks.vocabulary.arrays import Bits, Floats, Mask, RowNumbers


@dataclass(frozen=True)
class Side:
    """One split as the engine sees it.

    Attributes
    ----------
    digests : ndarray
        uint8, shape (n, 16): equal for rows that are the same image.
    bits : ndarray
        uint8, shape (n, ceil(length / 8)): packed view of each row.
    labels : ndarray
        int64, shape (n,): class of each row.
    ranks : ndarray
        int64, shape (n,): place of each row in the order of ids; a permutation of 0 to n - 1.
    """

    digests: Bits
    bits: Bits
    labels: RowNumbers
    ranks: RowNumbers

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: RowNumbers) -> "Side":
        """Return some rows, in their order, as a split of their own."""
        ranks = np.argsort(np.argsort(self.ranks[rows]))
        return Side(self.digests[rows], self.bits[rows], self.labels[rows], ranks)


@dataclass(frozen=True)
class Twins:
    """Per row of one split, its twins in another; row numbers are -1 and percents 0 where there is none.

    `row`, `exact`, `jaccard`, `percent` : the best twin, exact before near, then the more similar, then
    the smaller id. `other_...` : the same among twins of another class. `count` : twins at or above
    the floor.
    """

    row: RowNumbers
    exact: Mask
    jaccard: Floats
    percent: RowNumbers
    other_row: RowNumbers
    other_exact: Mask
    other_jaccard: Floats
    other_percent: RowNumbers
    count: RowNumbers

    def take(self, rows: RowNumbers) -> "Twins":
        """Return those of some rows, in their order."""
        return Twins(**{name: column[rows] for name, column in vars(self).items()})


@dataclass(frozen=True)
class Search:
    """Which rows are near twins, and how they are found.

    Rows without any bit set say nothing of what they show: they can only be exact twins.

    Attributes
    ----------
    length : int
        Bits of a row.
    percent : int
        Two-sided Jaccard similarity, in whole percent, from which rows are twins (the floor).
    bands : Bands or None
        How to cut MinHash signatures; None compares all pairs.
    seed : int
        Of the hash positions of MinHash.
    """

    length: int
    percent: int
    bands: Bands | None = None
    seed: int = 1


def find_twins(first: Side, second: Side, search: Search, but: Decisions | None = None) -> tuple[Twins, Twins]:
    """Find exact and near twins in both directions with one join.

    Parameters
    ----------
    first, second : Side
    search : Search
    but : Decisions, optional
        Pairs that were judged to be different are no twins.

    Returns
    -------
    tuple of Twins
        Twins of the rows of `first` in `second`, and the other way round.

    >>> bits = np.packbits(np.eye(3, 16, dtype=np.uint8), axis=1)
    >>> zeros = np.zeros(3, np.int64)
    >>> side = Side(np.eye(3, 16, dtype=np.uint8), bits, zeros, np.arange(3))
    >>> of_first, of_second = find_twins(side, side, Search(16, 90))
    >>> of_first.row.tolist(), of_first.exact.tolist()
    ([0, 1, 2], [True, True, True])
    """
    with blas_threads(1):  # blocks are small, and other joins run at the same time
        sides = first, second
        same = [group(side.digests, side.labels, side.ranks) for side in sides]
        # People judge images, of which several may have the same bits.
        alike = same if but else [group(side.bits, side.labels, side.ranks) for side in sides]
        return merged(sides, same, alike, _near_stream(sides, alike, search, but))


Stream = Iterator[tuple[RowNumbers, RowNumbers, Floats, Mask]]


def merged(
    sides: tuple[Side, Side], same: Sequence[EqualRows], alike: Sequence[EqualRows], near: Stream
) -> tuple[Twins, Twins]:
    """Return the best twins in both directions, from a stream of near twins; the exact ones are found here.

    Parameters
    ----------
    sides : tuple of Side
    same, alike : sequence of EqualRows
        Of both sides: rows that are the same image, and the groups of rows that the stream is about.
    near : iterator
        Groups of the first and of the second side that are near twins, their similarity, and whether they count.
    """
    of_exact = _reduce(sides, same, _exact_stream(sides, same))
    of_near = _reduce(sides, alike, near)
    rows = np.argsort(sides[1].ranks), np.argsort(sides[0].ranks)
    return _merge(of_exact[0], of_near[0], rows[0]), _merge(of_exact[1], of_near[1], rows[1])


def _exact_stream(sides: tuple[Side, Side], groups: Sequence[EqualRows]) -> Stream:
    i, j = equal_groups(groups[0], groups[1], sides[0].digests, sides[1].digests)
    yield i, j, np.ones(len(i)), np.ones(len(i), np.bool_)


def _near_stream(sides: tuple[Side, Side], groups: list[EqualRows], search: Search, but: Decisions | None) -> Stream:
    first, second = (Patterns.of(side.bits[g.example], search.length) for side, g in zip(sides, groups, strict=True))
    for i, j, shared, fresh in near_pairs(first, second, search):
        kept = first.counts[i] > 0  # only another row without bits is similar to one
        if but:
            one, two = (side.digests[of.example[at]] for side, of, at in zip(sides, groups, (i, j), strict=True))
            kept &= ~but.are_different(one, two)
        i, j, shared, fresh = i[kept], j[kept], shared[kept], fresh[kept]
        yield i, j, similarity(first.counts[i], second.counts[j], shared, search.length), fresh


def near_pairs(first: Patterns, second: Patterns, search: Search) -> Iterator[Pairs]:
    """Yield the near-duplicate pairs of two sets of patterns, as `complete_pairs` or `lsh_pairs` does."""
    if search.bands is None:
        return complete_pairs(first, second, search.percent)
    return lsh_pairs(first, second, search.percent, search.bands, search.seed)


def _reduce(sides: tuple[Side, Side], groups: Sequence[EqualRows], pairs: Stream) -> tuple[Found, Found]:
    labels_by_rank = [side.labels[np.argsort(side.ranks)] for side in sides]
    of_first = BestTwins(len(groups[0]), groups[1], labels_by_rank[1])
    of_second = BestTwins(len(groups[1]), groups[0], labels_by_rank[0])
    for i, j, similarities, fresh in pairs:
        of_first.add(i, j, similarities, fresh)
        of_second.add(j, i, similarities, fresh)
    return (
        of_first.of_rows(groups[0].of_row, sides[0].labels),
        of_second.of_rows(groups[1].of_row, sides[1].labels),
    )


def _merge(exact: Found, near: Found, row_of_rank: RowNumbers) -> Twins:
    best = _prefer(exact.rank, exact.similarity, near.rank, near.similarity, row_of_rank)
    other = _prefer(exact.other_rank, exact.other_similarity, near.other_rank, near.other_similarity, row_of_rank)
    return Twins(*best, *other, np.maximum(near.count, exact.count))  # rows without bits have exact twins alone


def _prefer(
    exact_rank: RowNumbers, exact: Floats, near_rank: RowNumbers, near: Floats, row_of_rank: RowNumbers
) -> tuple[RowNumbers, Mask, Floats, RowNumbers]:
    is_exact = exact_rank != NONE
    rank = np.where(is_exact, exact_rank, near_rank)
    found = rank != NONE
    row = np.full(len(rank), -1)
    row[found] = row_of_rank[rank[found]]
    jaccard = np.where(found, np.where(is_exact, exact, near), 0.0)
    return row, is_exact, jaccard, whole_percent(jaccard)
