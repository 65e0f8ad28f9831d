"""Reduce verified pairs to one row per image: its best twin, and what else is asked of its twins.

Pairs arrive in chunks and in any order, some of them twice, and are never kept: per group of equal
rows the best twin, the best twin of another class than that one, and a count remain. So
memory grows with the images, not with the pairs, and the result does not depend on the order.
"""

from dataclasses import dataclass

import numpy as np

from tasks.overlap.exact import EqualRows
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

NONE = np.iinfo(np.int64).max


class BestTwins:
    """The best twins of each group of one side among the rows of the other.

    Best is the higher similarity, then the smaller rank (place in the order of ids).
    """

    def __init__(self, groups: int, other: EqualRows, label_of_rank: RowNumbers) -> None:
        self.other, self.label_of_rank = other, np.append(label_of_rank, -1)  # the last stands for no twin
        self.similarity, self.rank = np.full(groups, -1.0), np.full(groups, NONE)
        self.second_similarity, self.second_rank = np.full(groups, -1.0), np.full(groups, NONE)
        self.count = np.zeros(groups, np.int64)

    def add(self, mine: RowNumbers, theirs: RowNumbers, similarity: Floats, fresh: Mask) -> None:
        """Take in pairs of groups; only fresh ones are counted."""
        start, units = self.other.start[theirs], self.other.start[theirs + 1] - self.other.start[theirs]
        unit = np.repeat(start - np.cumsum(units) + units, units) + np.arange(units.sum())
        mine, similarity, fresh = np.repeat(mine, units), np.repeat(similarity, units), np.repeat(fresh, units)
        rank, label = self.other.unit_rank[unit], self.other.unit_label[unit]
        np.add.at(self.count, mine, self.other.unit_rows[unit] * fresh)
        before_similarity, before_rank = self.similarity.copy(), self.rank.copy()
        _improve(self.similarity, self.rank, mine, similarity, rank)
        # Where the best label changed, what was best before is the best under another label.
        changed = (before_rank != NONE) & (self._label(before_rank) != self._label(self.rank))
        self.second_similarity[changed], self.second_rank[changed] = before_similarity[changed], before_rank[changed]
        other_label = label != self._label(self.rank)[mine]
        _improve(
            self.second_similarity, self.second_rank, mine[other_label], similarity[other_label], rank[other_label]
        )

    def of_rows(self, group: RowNumbers, labels: RowNumbers) -> "Found":
        """Spread the result over the rows of this side, given the group and label of each."""
        differs = self._label(self.rank)[group] != labels
        return Found(
            self.similarity[group],
            self.rank[group],
            np.where(differs, self.similarity[group], self.second_similarity[group]),
            np.where(differs, self.rank[group], self.second_rank[group]),
            self.count[group],
        )

    def _label(self, rank: RowNumbers) -> RowNumbers:
        return self.label_of_rank[np.minimum(rank, len(self.label_of_rank) - 1)]


@dataclass(frozen=True)
class Found:
    """Per row: best twin and best twin of another class, as similarity (-1: none) and rank; number of twins."""

    similarity: Floats
    rank: RowNumbers
    other_similarity: Floats
    other_rank: RowNumbers
    count: RowNumbers


def _improve(best: Floats, best_rank: RowNumbers, at: RowNumbers, similarity: Floats, rank: RowNumbers) -> None:
    before = best.copy()
    np.maximum.at(best, at, similarity)
    best_rank[best > before] = NONE
    top = similarity == best[at]
    np.minimum.at(best_rank, at[top], rank[top])
