"""Groups of duplicates inside a split, which row of each stays, and which go because of it.

Groups are connected components of duplicates. A group may be a chain: its ends are no duplicates of each other. So the
row that is preferred stays, its duplicates go, and of those that are left the same is done again; or, where chains are
cut, one row of every group stays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.joined import groups_of
from tasks.overlap.images import Images, read_rows
from tasks.overlap.join import Join, similarity_of
from tasks.overlap.pairs import Pairs, in_order, spanning
from tasks.overlap.settled import Given, Settled, settled_by
from tasks.overlap.twins import SplitRows
from tasks.storage import tables
from tasks.storage.decisions import Decisions
from tasks.storage.place import Place
from tasks.vocabulary import Chains, Keep
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

DUPLICATES_FILE, UNCONFIRMED_FILE = "duplicates.parquet", "unconfirmed.parquet"  # as `SplitDuplicates` names them
DUPLICATES = pa.schema(
    {
        "id": pa.string(),
        "split": pa.string(),
        "class_name": pa.string(),
        "group": pa.int64(),
        "stays": pa.bool_(),
        "reason": pa.string(),  # of those that go: exact or near
        "jaccard": pa.float64(),  # to the one that stays instead
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "weakest": pa.float64(),  # from this threshold on, the group falls apart
        "chain": pa.bool_(),
    }
)


@dataclass(frozen=True)
class Rules:
    """Which row of a group stays, and whether groups keep those that are no duplicates of it."""

    keep: Keep
    chains: Chains


@dataclass(frozen=True)
class Grouped:
    """Rows that are not alone in their group, in the order of groups, the row that stays first.

    Attributes
    ----------
    row, group, twin : ndarray
        int64 (n,): number of the row, of its group, and of the row that stays instead of it: its own, if it stays.
    similarity : ndarray
        float64 (n,): to that row.
    exact : ndarray
        bool (n,): whether it is the same image.
    weakest : ndarray
        float64 (n,): of the group, from which threshold on it falls apart; 1 where all its images are identical.
    chain : ndarray
        bool (n,): whether the group has rows that are no duplicates of the one that is preferred.
    """

    row: RowNumbers
    group: RowNumbers
    twin: RowNumbers
    similarity: Floats
    exact: Mask
    weakest: Floats
    chain: Mask


def write_groups(join: Join, given: Given, rules: Rules, target: Place) -> dict[str, int]:
    """Write the rows of groups and those that are undecided; return the counts of `tasks.records.rows.SplitGroups`."""
    settled, decisions = settled_by(join, given)
    rows = SplitRows.of(join.first, join.workspace)
    found = group_rows(join.images(0), settled, rows, _preferred(rows, rules.keep), rules.chains, decisions)
    stays = found.row == found.twin
    reason = np.where(found.exact, "exact", "near")
    ids, names = rows.named(found.row)
    twin_ids, twin_names = rows.named(found.twin)
    split = pa.array([join.first.split] * len(ids), pa.string())
    columns = [ids, split, names, found.group, stays, pa.array(reason, pa.string(), mask=stays)]
    columns += [pa.array(found.similarity, mask=stays), twin_ids, twin_names, found.weakest, found.chain]
    tables.write(pa.table(columns, schema=DUPLICATES), target / DUPLICATES_FILE)
    undecided = _undecided(settled, rows, found)
    tables.write(undecided, target / UNCONFIRMED_FILE)
    return _counts(found, stays, rows.label) | {"undecided": len(undecided)}


def group_rows(
    images: Images,
    settled: Settled,
    rows: SplitRows,
    preferred: RowNumbers,
    chains: Chains,
    decisions: Decisions | None = None,
) -> Grouped:
    """Return the groups of a split, and what stays of them.

    Parameters
    ----------
    images : Images
    settled : Settled
        Of the split with itself.
    rows : SplitRows
    preferred : ndarray
        int64 (rows,): place of each row in the order in which rows are preferred; no two are equal.
    chains : {"keep", "cut"}
    decisions : Decisions, optional
        What people said of pairs.
    """
    links = in_order(settled.pairs.where(settled.duplicate), within=True)
    component = groups_of(len(images), [(links.first, links.second)])
    of_row = component[rows.image]
    several = np.flatnonzero(np.bincount(of_row, minlength=1)[of_row] > 1)
    order = several[np.lexsort((preferred[several], of_row[several]))]
    twin, similarity, rounds = _stars(images, settled, rows.image[order], of_row[order], chains, decisions)
    weakest, forest = np.ones(len(images)), links.where(spanning(links, len(images)))
    np.minimum.at(weakest, component[forest.first], np.minimum(forest.similarity, 1))
    twin = order[twin]
    by_star = np.lexsort((preferred[order], twin != order, of_row[order]))
    row = order[by_star]
    return Grouped(
        row,
        np.unique(of_row[row], return_inverse=True)[1],
        twin[by_star],
        similarity[by_star],
        rows.image[row] == rows.image[twin[by_star]],
        weakest[of_row[row]],
        np.isin(of_row[row], of_row[order[rounds > 0]]),
    )


def _stars(
    images: Images,
    settled: Settled,
    image: RowNumbers,
    group: RowNumbers,
    chains: Chains,
    decisions: Decisions | None,
) -> tuple[RowNumbers, Floats, RowNumbers]:
    """Return, for rows sorted by group and preference, which one stays instead, its similarity, and in which round."""
    twin, found, rounds = np.arange(len(image)), np.ones(len(image)), np.zeros(len(image), np.int64)
    pending, number, line = np.arange(len(image)), 0, settled.lines[0]
    while len(pending):
        start = np.append(True, np.diff(group[pending]) != 0)
        leader = pending[np.flatnonzero(start)[np.cumsum(start) - 1]]
        one, two = image[leader], image[pending]
        similar = similarity_of(images.take(one), images.take(two))
        near = (one == two) | (similar >= np.minimum(line[one], line[two]))
        if decisions:
            digests = images.digests[one], images.digests[two]
            near = (near & ~decisions.are_different(*digests)) | decisions.are_same(*digests)
        rounds[pending[~near]] = number + 1
        done = near if chains == "keep" else np.ones(len(pending), np.bool_)
        twin[pending[done]], found[pending[done]] = leader[done], similar[done]
        pending, number = pending[~done], number + 1
    return twin, found, rounds


def _undecided(settled: Settled, rows: SplitRows, found: Grouped) -> pa.Table:
    """Return the rows that stay and have an undecided match outside of their group, each with the best of these."""
    group = -1 - np.arange(rows.prints.images)
    group[rows.image[found.row]] = found.group
    pairs = settled.pairs
    pairs = pairs.where(settled.undecided & (group[pairs.first] != group[pairs.second]))
    ends = Pairs(
        np.append(pairs.first, pairs.second), np.append(pairs.second, pairs.first), np.tile(pairs.similarity, 2)
    )
    order = np.lexsort((ends.second, -ends.similarity, ends.first))
    best = ends.where(order[np.flatnonzero(np.diff(ends.first[order], prepend=-1))])
    goes = found.row[found.row != found.twin]
    stays = np.setdiff1d(np.flatnonzero(np.isin(rows.image, best.first)), goes)
    at = np.searchsorted(best.first, rows.image[stays])
    (ids, names), twins = rows.named(stays), rows.named(rows.examples()[0][best.second[at]])
    split = pa.array([rows.prints.split] * len(ids), pa.string())
    columns = {
        "id": ids,
        "split": split,
        "class_name": names,
        "reason": pa.array(["undecided"] * len(ids), pa.string()),
        "jaccard": pa.array(best.similarity[at]),
        "twin_id": twins[0],
        "twin_split": split,
        "twin_class_name": twins[1],
    }
    return pa.table(columns).sort_by("id")


def _preferred(rows: SplitRows, keep: Keep) -> RowNumbers:
    """Return the place of each row in the order in which rows are preferred.

    The largest comes first, of equally large ones the one with the most bytes, then the smaller id; or ids alone count.
    """
    keys = [rows.rank]
    if keep == "largest" and rows.prints.copies:
        sizes = read_rows(rows.prints, rows.workspace, ["pixels", "bytes"])
        keys += [-sizes["bytes"].to_numpy(), -sizes["pixels"].to_numpy()]
    place = np.empty(len(rows.rank), np.int64)
    place[np.lexsort(keys)] = np.arange(len(place))
    return place


def _counts(found: Grouped, stays: Mask, labels: RowNumbers) -> dict[str, Any]:
    sizes = np.bincount(found.group)
    pairs = np.unique(np.stack([found.group, labels[found.row]]), axis=1)
    first = np.unique(found.group, return_index=True)[1]
    return {
        "groups": len(sizes),
        "grouped": len(found.row),
        "exact": int((found.exact & ~stays).sum()),
        "near": int((~found.exact & ~stays).sum()),
        "largest": int(sizes.max(initial=0)),
        "chains": int(found.chain[first].sum()),
        "conflicts": int((np.bincount(pairs[0]) > 1).sum()),
    }
