"""Reduce verified pairs to one row per image: its best twin, and what else is asked of its twins.

Pairs arrive in chunks and in any order, some of them twice, and are never kept: per group of equal
rows the best twin, the best twin under another letter than that one, and a count remain. So
memory grows with the images, not with the pairs, and the result does not depend on the order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.overlap.exact import Groups

NONE = np.iinfo(np.int64).max
Rows = NDArray[np.int64]
Similarities = NDArray[np.float64]


class BestTwins:
    """The best twins of each group of one side among the rows of the other.

    Best is the higher similarity, then the smaller rank (place in the order of ids).
    """

    def __init__(self, groups: int, other: Groups, letter_of_rank: Rows) -> None:
        self.other, self.letter_of_rank = other, np.append(letter_of_rank, -1)  # the last stands for no twin
        self.similarity, self.rank = np.full(groups, -1.0), np.full(groups, NONE)
        self.second_similarity, self.second_rank = np.full(groups, -1.0), np.full(groups, NONE)
        self.count = np.zeros(groups, np.int64)

    def add(self, mine: Rows, theirs: Rows, similarity: Similarities, fresh: NDArray[np.bool_]) -> None:
        """Take in pairs of groups; only fresh ones are counted."""
        start, units = self.other.start[theirs], self.other.start[theirs + 1] - self.other.start[theirs]
        unit = np.repeat(start - np.cumsum(units) + units, units) + np.arange(units.sum())
        mine, similarity, fresh = np.repeat(mine, units), np.repeat(similarity, units), np.repeat(fresh, units)
        rank, letter = self.other.unit_rank[unit], self.other.unit_letter[unit]
        np.add.at(self.count, mine, self.other.unit_rows[unit] * fresh)
        before_similarity, before_rank = self.similarity.copy(), self.rank.copy()
        _improve(self.similarity, self.rank, mine, similarity, rank)
        # Where the best letter changed, what was best before is the best under another letter.
        changed = (before_rank != NONE) & (self._letter(before_rank) != self._letter(self.rank))
        self.second_similarity[changed], self.second_rank[changed] = before_similarity[changed], before_rank[changed]
        other_letter = letter != self._letter(self.rank)[mine]
        _improve(
            self.second_similarity, self.second_rank, mine[other_letter], similarity[other_letter], rank[other_letter]
        )

    def of_rows(self, group: Rows, letters: Rows) -> "Found":
        """Spread the result over the rows of this side, given the group and letter of each."""
        differs = self._letter(self.rank)[group] != letters
        return Found(
            self.similarity[group],
            self.rank[group],
            np.where(differs, self.similarity[group], self.second_similarity[group]),
            np.where(differs, self.rank[group], self.second_rank[group]),
            self.count[group],
        )

    def _letter(self, rank: Rows) -> Rows:
        return self.letter_of_rank[np.minimum(rank, len(self.letter_of_rank) - 1)]


@dataclass(frozen=True)
class Found:
    """Per row: best twin and best twin under another letter, as similarity (-1: none) and rank; number of twins."""

    similarity: Similarities
    rank: Rows
    other_similarity: Similarities
    other_rank: Rows
    count: Rows


def _improve(best: Similarities, best_rank: Rows, at: Rows, similarity: Similarities, rank: Rows) -> None:
    before = best.copy()
    np.maximum.at(best, at, similarity)
    best_rank[best > before] = NONE
    top = similarity == best[at]
    np.minimum.at(best_rank, at[top], rank[top])
