"""Which image of each group of a set stays, and which go because of it.

Groups are connected components of verified pairs. A group may be a chain: its ends are not twins of each other. So the
row that is preferred stays, its twins go, and of those that are left the same is done again; or, where chains are cut,
one row of every group stays.
"""

from dataclasses import dataclass

import numpy as np

from tasks.joined import first_with, groups_of
from tasks.overlap.jaccard import whole_percent
from tasks.overlap.likeness import Likeness
from tasks.overlap.within.forest import Forest
from tasks.storage.decisions import Decisions
from tasks.vocabulary import Chains
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

EQUAL_BITS = 100  # percent


@dataclass(frozen=True)
class Duplicates:
    """Rows of a set that belong to groups, in the order of groups, the row that stays first.

    Attributes
    ----------
    row, group, twin : ndarray
        int64 (n,): number of a row, of its group, and of the row that stays instead of it: itself, if it stays.
    similarity : ndarray
        float64 (n,): to that row.
    exact : ndarray
        bool (n,): whether it is the same image.
    weakest : ndarray
        float64 (n,): of the group, from which threshold on it falls apart; 1 where all its images are identical.
    chain : ndarray
        bool (n,): whether the group has rows that are no twins of the one that is preferred.
    """

    row: RowNumbers
    group: RowNumbers
    twin: RowNumbers
    similarity: Floats
    exact: Mask
    weakest: Floats
    chain: Mask


def find_duplicates(
    likeness: Likeness,
    alike: RowNumbers,
    forest: Forest,
    percent: int,
    preferred: RowNumbers,
    chains: Chains,
    decided: Decisions | None = None,
) -> Duplicates:
    """Return the groups of a set at a threshold.

    Parameters
    ----------
    likeness : Likeness
    alike, forest
        See `tasks.overlap.within.search.Links`.
    percent : int
        Similarity in whole percent from which rows are twins; above 100 identical ones alone are.
    preferred : ndarray
        int64 (rows,): place of each row in the order in which rows are preferred; a permutation.
    chains : {"keep", "cut"}
    decided : Decisions, optional
        What people said of pairs, which the links are settled by.
    """
    count, links = len(alike), forest.reaching(percent)
    same = np.unique(likeness.digests[0], return_inverse=True)[1]
    examples = np.unique(alike, return_index=True)[1]
    equal = [same, alike] if percent <= EQUAL_BITS else [same]
    joined = [(np.arange(count), first_with(keys)) for keys in equal] + [
        (examples[links.first], examples[links.second])
    ]
    group = groups_of(count, joined)
    rows = np.flatnonzero(np.bincount(group)[group] > 1)
    rows = rows[np.lexsort((preferred[rows], group[rows]))]
    weakest = np.ones(count)
    np.minimum.at(weakest, group[examples[links.first]], np.minimum(links.similarity, 1))
    twin, found, rounds = _stars(likeness, rows, group[rows], percent, chains, decided)
    chain = np.zeros(count, np.bool_)
    chain[group[rows[rounds > 0]]] = True
    digests, of_rows = likeness.digests[0], group[rows]
    _, number = np.unique(of_rows, return_inverse=True)
    order = np.lexsort((preferred[rows], twin != rows, number))
    picked = rows[order]
    return Duplicates(
        picked,
        number[order],
        twin[order],
        found[order],
        digests[picked] == digests[twin[order]],
        weakest[of_rows[order]],
        chain[of_rows[order]],
    )


def _stars(
    likeness: Likeness,
    rows: RowNumbers,
    group: RowNumbers,
    percent: int,
    chains: Chains,
    decided: Decisions | None,
) -> tuple[RowNumbers, Floats, RowNumbers]:
    """Return, for rows sorted by group and preference, which row stays instead, its similarity, and in which round."""
    twin, found, rounds = rows.copy(), np.ones(len(rows)), np.zeros(len(rows), np.int64)
    pending, number = np.arange(len(rows)), 0
    while len(pending):
        start = np.append(True, np.diff(group[pending]) != 0)
        leader = pending[np.flatnonzero(start)[np.cumsum(start) - 1]]
        similar = likeness.of(rows[leader], rows[pending])
        near = likeness.digests[0][rows[leader]] == likeness.digests[0][rows[pending]]
        if percent <= EQUAL_BITS:
            near |= whole_percent(similar) >= percent
        if decided:
            one, two = (likeness.sides[0].side.digests[rows[at]] for at in (leader, pending))
            near = (near & ~decided.are_different(one, two)) | decided.are_same(one, two)
        rounds[pending[~near]] = number + 1
        settled = near if chains == "keep" else np.ones(len(pending), np.bool_)
        done = pending[settled]
        twin[done], found[done] = rows[leader[settled]], similar[settled]
        pending, number = pending[~settled], number + 1
    return twin, found, rounds
