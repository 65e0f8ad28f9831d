"""Which image of each group of a set stays, and which go because of it.

Groups are connected components of verified pairs. A group may be a chain: its ends are not twins of each other. So the
row that is preferred stays, its twins go, and of those that are left the same is done again; or, where chains are cut,
one row of every group stays.
"""

from dataclasses import dataclass

import numpy as np

from tasks.joined import first_with, groups_of
from tasks.overlap.exact import as_void
from tasks.overlap.jaccard import whole_percent
from tasks.overlap.likeness import Likeness
from tasks.overlap.within.distinct import Distinct
from tasks.overlap.within.forest import Forest
from tasks.storage.decisions import Decisions
from tasks.vocabulary import Chains
from tasks.vocabulary.arrays import Bits, Floats, Mask, RowNumbers

EQUAL_BITS = 100  # percent


@dataclass(frozen=True)
class Groups:
    """Rows of a set that are not alone in their group.

    Attributes
    ----------
    row, group : ndarray
        int64 (n,): numbers of the rows, ascending, and of their groups.
    weakest : ndarray
        float64 (n,): of the group, from which threshold on it falls apart; 1 where all its images are identical.
    """

    row: RowNumbers
    group: RowNumbers
    weakest: Floats


@dataclass(frozen=True)
class Duplicates:
    """The rows of groups in the order of groups, the row that stays first.

    Attributes
    ----------
    row, group, twin : ndarray
        int64 (n,): place of a row among those of `Groups`, number of its group, and place of the row that stays
        instead of it: its own, if it stays.
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


def find_groups(digests: Bits, distinct: Distinct, forest: Forest, percent: int) -> Groups:
    """Return the groups of a set at a threshold.

    Parameters
    ----------
    digests : ndarray
        uint8 (rows, 16).
    distinct, forest
        See `tasks.overlap.within.search`.
    percent : int
        Similarity in whole percent from which rows are twins; above 100 identical ones alone are.
    """
    count, links = len(digests), forest.reaching(percent)
    same = np.unique(as_void(digests), return_inverse=True)[1]
    equal = [same, distinct.of_row] if percent <= EQUAL_BITS else [same]
    ends = distinct.example[links.first], distinct.example[links.second]
    group = groups_of(count, [*((np.arange(count), first_with(keys)) for keys in equal), ends])
    weakest = np.ones(count)
    np.minimum.at(weakest, group[ends[0]], np.minimum(links.similarity, 1))
    rows = np.flatnonzero(np.bincount(group)[group] > 1)
    return Groups(rows, np.unique(group[rows], return_inverse=True)[1], weakest[group[rows]])


def find_duplicates(
    likeness: Likeness,
    groups: Groups,
    percent: int,
    preferred: RowNumbers,
    chains: Chains,
    decided: Decisions | None = None,
) -> Duplicates:
    """Return what stays of the groups of a set.

    Parameters
    ----------
    likeness : Likeness
        Of the rows of `groups`.
    groups : Groups
    percent : int
        As of `find_groups`.
    preferred : ndarray
        int64 (n,): place of each of these rows in the order in which rows are preferred; no two are equal.
    chains : {"keep", "cut"}
    decided : Decisions, optional
        What people said of pairs, which the links are settled by.
    """
    rows, digests = np.lexsort((preferred, groups.group)), likeness.digests[0]
    twin, found, rounds = _stars(likeness, rows, groups.group[rows], percent, chains, decided)
    order = np.lexsort((preferred[rows], twin != rows, groups.group[rows]))
    picked = rows[order]
    return Duplicates(
        picked,
        groups.group[picked],
        twin[order],
        found[order],
        digests[picked] == digests[twin[order]],
        groups.weakest[picked],
        np.isin(groups.group[picked], groups.group[rows[rounds > 0]]),
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
