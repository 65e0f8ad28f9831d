"""Groups of duplicates inside a split, which row of each stays, and which go because of it.

Groups are connected components of duplicates. The preferred row of a group stays and its duplicates go; the same is
done with the rows that are left, so every row that goes is a duplicate of the row that stays for it. A group in which
several rows of one label stay is a chain: not all of its rows are duplicates of each other. A chain is kept as one
group, or it is cut into groups in each of which one row of a label stays.

A row goes only because of one with its label, or of any if it has none. Where labels differ, nobody knows which one is
right: rows of each label stay, and are named as conflicts.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.joined import groups_of
from tasks.overlap.images import UNKNOWN, Images, read_rows
from tasks.overlap.join import Join, similarity_of
from tasks.overlap.pairs import in_order, spanning
from tasks.overlap.settled import Given, Settled, settled_by
from tasks.overlap.twins import Direction, Matched, SplitRows, write_matched
from tasks.storage import tables
from tasks.storage.decisions import Decisions
from tasks.storage.place import Place
from tasks.vocabulary import Chains, Keep

# as `SplitDuplicates` names them
DUPLICATES_FILE, UNCONFIRMED_FILE, CONFLICTS_FILE = "duplicates.parquet", "unconfirmed.parquet", "conflicts.parquet"
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
    """Which row of a group stays, and whether a chain is one group or several."""

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
        float64 (n,): of the group before it is cut, from which threshold on it falls apart; 1 where all its images are
        identical.
    chain : ndarray
        bool (n,): whether the group is a chain, or was cut from one.
    chains : int
        How many chains there are, or were before they were cut.
    """

    row: RowNumbers
    group: RowNumbers
    twin: RowNumbers
    similarity: Floats
    exact: Mask
    weakest: Floats
    chain: Mask
    chains: int


class Stars(NamedTuple):
    """Rows around those that stay, by their places in an order of rows.

    Attributes
    ----------
    twin : ndarray
        int64 (n,): the row that stays instead.
    similarity : ndarray
        float64 (n,)
    home : ndarray
        int64 (n,): the first row that stays there; a row that stays for its label alone is at home with its duplicate.
    apart : ndarray
        bool (n,): whether it is no duplicate of a row of its label that it was compared with.
    """

    twin: RowNumbers
    similarity: Floats
    home: RowNumbers
    apart: Mask


def write_groups(join: Join, given: Given, rules: Rules, target: Place) -> dict[str, int]:
    """Write the rows of groups, conflicts and undecided rows; return the counts of `tasks.records.rows.SplitGroups`."""
    settled, decisions = settled_by(join, given)
    rows, images = SplitRows.of(join.first, join.workspace), join.images(0)
    found = group_rows(images, settled, rows, _preferred(rows, rules.keep), rules.chains, decisions)
    conflicts = Direction.of(join, settled, 0, (rows, rows)).conflicts()
    conflicts = between_kept(conflicts, found, images, settled, rows.image, decisions)
    write_matched(conflicts, rows, rows, target / CONFLICTS_FILE)
    stays = found.row == found.twin
    reason = np.where(found.exact, "exact", "near")
    ids, names = rows.named(found.row)
    twin_ids, twin_names = rows.named(found.twin)
    split = pa.array([join.first.split] * len(ids), pa.string())
    columns = [ids, split, names, found.group, stays, pa.array(reason, pa.string(), mask=stays)]
    columns += [pa.array(found.similarity, mask=stays), twin_ids, twin_names, found.weakest, found.chain]
    tables.write(pa.table(columns, schema=DUPLICATES), target / DUPLICATES_FILE)
    undecided = _undecided(settled, rows, found)
    write_matched(undecided, rows, rows, target / UNCONFIRMED_FILE, near="undecided")
    return _counts(found, stays, conflicts) | {"undecided": len(undecided.row)}


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
    order = several[np.lexsort((preferred[several], rows.label[several] == UNKNOWN, of_row[several]))]
    stars = _stars(images, settled, rows.image[order], of_row[order], rows.label[order], decisions)
    weakest, forest = np.ones(len(images)), links.where(spanning(links, len(images)))
    np.minimum.at(weakest, component[forest.first], np.minimum(forest.similarity, 1))
    twin, group, chained = order[stars.twin], of_row[order], np.unique(of_row[order[stars.apart]])
    chain, weakest = np.isin(group, chained), weakest[group]
    group = order[stars.home] if chains == "cut" else group
    at = np.lexsort((preferred[order], twin != order, group))
    at = at[np.bincount(group, minlength=1)[group[at]] > 1]
    row, twin = order[at], twin[at]
    return Grouped(
        row,
        np.unique(group[at], return_inverse=True)[1],
        twin,
        stars.similarity[at],
        rows.image[row] == rows.image[twin],
        weakest[at],
        chain[at],
        len(chained),
    )


def between_kept(
    every: Matched, found: Grouped, images: Images, settled: Settled, image: RowNumbers, decisions: Decisions | None
) -> Matched:
    """Return the conflicts between rows that stay, given those of all rows and the image of each row.

    The row that stays takes the place of each row that goes, unless that makes a pair that is not a duplicate.
    """
    instead = np.arange(len(image))
    instead[found.row] = found.twin
    row, twin = instead[every.row], instead[every.twin]
    near, judged, similar = _compared(images, settled, image[row], image[twin], decisions)
    of_kept = Matched(row, twin, image[row] == image[twin], judged, similar)
    named = Matched._make(np.where(near, kept, own) for kept, own in zip(of_kept, every, strict=True))
    best = np.lexsort((named.twin, -named.similarity, ~named.exact, named.row))
    return named.where(best[np.diff(named.row[best], prepend=-1) != 0])


def _stars(
    images: Images,
    settled: Settled,
    image: RowNumbers,
    group: RowNumbers,
    label: RowNumbers,
    decisions: Decisions | None,
) -> Stars:
    """Let one row of a label stay, its duplicates go, and do the same with what is left, until nothing is.

    Rows are sorted by group and preference.
    """
    twin, found, apart = np.arange(len(image)), np.ones(len(image)), np.zeros(len(image), np.bool_)
    pending, home = np.arange(len(image)), np.arange(len(image))
    while len(pending):
        start = np.append(True, np.diff(group[pending]) != 0)
        leader = pending[np.flatnonzero(start)[np.cumsum(start) - 1]]
        near, _, similar = _compared(images, settled, image[leader], image[pending], decisions)
        home[pending[near]] = np.where(home[pending] == pending, home[leader], home[pending])[near]
        may = (label[leader] == label[pending]) | (label[pending] == UNKNOWN)
        apart[pending[may & ~near]] = True
        done = pending[may & near]
        twin[done], found[done], home[done] = leader[may & near], similar[may & near], home[leader[may & near]]
        pending = pending[~(may & near)]
    return Stars(twin, found, home, apart)


def _compared(
    images: Images, settled: Settled, one: RowNumbers, two: RowNumbers, decisions: Decisions | None
) -> tuple[Mask, Mask, Floats]:
    """Return which pairs of images are the same or duplicates, which were judged to be so, and how similar they are."""
    similar, line = similarity_of(images.take(one), images.take(two)), settled.lines[0]
    near, judged = (one == two) | (similar >= np.minimum(line[one], line[two])), np.zeros(len(one), np.bool_)
    if decisions:
        digests = images.digests[one], images.digests[two]
        judged = decisions.are_same(*digests)
        near = (near & ~decisions.are_different(*digests)) | judged
    return near, judged, similar


def _undecided(settled: Settled, rows: SplitRows, found: Grouped) -> Matched:
    """Return the rows that stay and have an undecided match outside of their group, each with the best of these."""
    group = -1 - np.arange(rows.prints.images)
    group[rows.image[found.row]] = found.group
    pairs = settled.pairs
    ends = pairs.where(settled.undecided & (group[pairs.first] != group[pairs.second])).both_ways()
    order = np.lexsort((ends.second, -ends.similarity, ends.first))
    best = ends.where(order[np.flatnonzero(np.diff(ends.first[order], prepend=-1))])
    goes = found.row[found.row != found.twin]
    stays = np.setdiff1d(np.flatnonzero(np.isin(rows.image, best.first)), goes)
    at = np.searchsorted(best.first, rows.image[stays])
    none = np.zeros(len(stays), np.bool_)
    undecided = Matched(stays, rows.examples()[0][best.second[at]], none, none, best.similarity[at])
    return undecided.where(np.argsort(rows.rank[stays]))


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


def _counts(found: Grouped, stays: Mask, conflicts: Matched) -> dict[str, Any]:
    sizes, differ = np.bincount(found.group), np.isin(found.row, conflicts.row)
    beside = np.bincount(found.group[differ & stays]) - 1  # of each group, rows that stay beside the first for a label
    return {
        "groups": len(sizes),
        "grouped": len(found.row),
        "exact": int((found.exact & ~stays).sum()),
        "near": int((~found.exact & ~stays).sum()),
        "largest": int(sizes.max(initial=0)),
        "chains": found.chains,
        "conflicts": len(np.unique(found.group[differ])),
        "held": int(beside[beside > 0].sum()),
    }
