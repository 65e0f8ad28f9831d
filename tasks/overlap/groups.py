"""Group the duplicates inside a split, and choose which rows stay.

Groups are connected components of duplicates. The preferred row stays and its duplicates are removed; this repeats with
the remaining rows. So every removed row is a duplicate of the row that stays for it. A group is a chain if several rows
of one label stay; it is kept as one group, or cut into groups with one row per label that stays. A row is removed only
for a row with its label, or for any row if it is unlabelled. If labels differ, rows of each label stay and are reported
as conflicts.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.joined import groups_of, is_first
from tasks.overlap.images import UNKNOWN
from tasks.overlap.join import Join
from tasks.overlap.pairs import Pairs, in_order, spanning
from tasks.overlap.settled import Settled, confirmed, settled_by, with_similarity
from tasks.overlap.split_rows import Matched, SplitRows, write_matched
from tasks.overlap.twins import BestMatches
from tasks.records import Decided, Joined, Ruling
from tasks.records.spec import ComparingSpec
from tasks.storage import Place, tables
from tasks.storage.decisions import DIGEST
from tasks.vocabulary import Chains

DUPLICATES = pa.schema(
    dict.fromkeys(("id", "split", "class_name"), pa.string())
    | {"group": pa.int64(), "stays": pa.bool_()}
    | {"reason": pa.string(), "jaccard": pa.float64()}  # of removed rows; similarity to the one that stays
    | dict.fromkeys(("twin_id", "twin_class_name"), pa.string())
    | {"weakest": pa.float64(), "chain": pa.bool_()}  # highest threshold that keeps the group connected
)


class Grouped(NamedTuple):
    """Rows of groups of at least two, (n,) each, in the order of groups, each starting with a row that stays."""

    row: RowNumbers
    group: RowNumbers
    twin: RowNumbers  # the row that stays instead, or the row itself if it stays
    similarity: Floats  # to that row
    exact: Mask  # whether it is the same image
    weakest: Floats  # highest threshold that keeps the uncut group connected; 1 if all images are identical
    chain: Mask  # whether the group is a chain, or was cut from one
    chains: int  # number of chains before cutting


def write_duplicates(
    spec: ComparingSpec, join: Join, joined: Joined, ruling: Ruling, decided: Decided | None, target: Place
) -> dict[str, int]:
    """Write the rows of groups, conflicts and undecided rows; return the counts of `tasks.records.rows.SplitGroups`."""
    settled, rows = settled_by(join, joined, ruling, decided), SplitRows.of(join.first, join.workspace)
    preferred = rows.preferred(spec.keep)
    if settled.decisions and (staying := settled.decisions.staying):
        chosen = np.frombuffer(b"".join(staying.values()), np.uint8).reshape(-1, DIGEST)
        preferred = preferred - len(preferred) * join.both[0].are_among(chosen)[rows.image]
    found = group_rows(join, settled, rows, preferred, spec.chains)
    conflicts = BestMatches.of(join, settled, 0, (rows, rows)).conflicts()
    if spec.joins_within:  # elsewhere all duplicates inside a split stay
        conflicts = between_kept(conflicts, found, join, settled, rows.image)
    write_matched(conflicts, rows, rows, target / "conflicts.parquet")
    stays = found.row == found.twin
    ids, names = rows.named(found.row)
    split = pa.array([join.first.split] * len(ids), pa.string())
    reason = pa.array(np.where(found.exact, "exact", "near"), pa.string(), mask=stays)
    columns = [ids, split, names, found.group, stays, reason, pa.array(found.similarity, mask=stays)]
    columns += [*rows.named(found.twin), found.weakest, found.chain]
    tables.write(pa.table(columns, schema=DUPLICATES), target / "duplicates.parquet")
    undecided = _undecided(settled, rows, found)
    write_matched(undecided, rows, rows, target / "unconfirmed.parquet", near="undecided")
    return _counts(found, stays, conflicts, undecided, join.both[0].patterns.blank[rows.image])


def group_rows(join: Join, settled: Settled, rows: SplitRows, preferred: RowNumbers, chains: Chains) -> Grouped:
    """Return the groups of a split, which is joined with itself, and which of their rows stay.

    `preferred` is the rank of each row by preference, int64 (rows,), without ties.
    """
    count = join.first.images
    links = in_order(settled.pairs.where(settled.duplicate), within=True)
    component, smallest = groups_of(count, [(links.first, links.second)]), np.full(count, len(rows.rank))
    np.minimum.at(smallest, component[rows.image], rows.rank)
    component = smallest[component]  # groups come in the order of their smallest ids
    of_row = component[rows.image]
    several = np.flatnonzero(np.bincount(of_row, minlength=1)[of_row] > 1)
    order = several[np.lexsort((preferred[several], rows.label[several] == UNKNOWN, of_row[several]))]
    group = of_row[order]
    stays, similarity, home, apart = _stars(join, settled, rows.image[order], group, rows.label[order])
    weakest, forest = np.ones(len(rows.rank)), links.where(spanning(links, count))
    np.minimum.at(weakest, component[forest.first], np.minimum(forest.similarity, 1))
    chained, twin, weakest = np.unique(group[apart]), order[stays], weakest[group]
    chain = np.isin(group, chained)
    if chains == "cut":
        group = order[home]
    at = np.lexsort((preferred[order], twin != order, group))
    at = at[np.bincount(group, minlength=1)[group[at]] > 1]
    row, twin, group = order[at], twin[at], np.unique(group[at], return_inverse=True)[1]
    exact = rows.image[row] == rows.image[twin]
    return Grouped(row, group, twin, similarity[at], exact, weakest[at], chain[at], len(chained))


def between_kept(every: Matched, found: Grouped, join: Join, settled: Settled, image: RowNumbers) -> Matched:
    """Return the conflicts between rows that stay, given the conflicts of all rows and the image of each row.

    The row that stays replaces each removed row, unless the resulting pair is not a duplicate.
    """
    instead = np.arange(len(image))
    instead[found.row] = found.twin
    row, twin = instead[every.row], instead[every.twin]
    near, judged, similar = _compared(join, settled, image[row], image[twin])
    of_kept = Matched(row, twin, image[row] == image[twin], judged, similar)
    named = Matched._make(np.where(near, kept, own) for kept, own in zip(of_kept, every, strict=True))
    best = np.lexsort((named.twin, -named.similarity, ~named.exact, named.row))
    return named.where(best[is_first(named.row[best])])


def _stars(
    join: Join, settled: Settled, image: RowNumbers, group: RowNumbers, label: RowNumbers
) -> tuple[RowNumbers, Floats, RowNumbers, Mask]:
    """Let one row of a label stay, remove its duplicates, and repeat with the remaining rows.

    Rows are sorted by group and preference. Returns, for each row, the row that stays instead and the similarity to it;
    the first row that stays in its home (a row that stays only for its label shares the home of its duplicate); and
    whether the row was compared with a row of its label that is not its duplicate.
    """
    twin, found, apart = np.arange(len(image)), np.ones(len(image)), np.zeros(len(image), np.bool_)
    pending, home = np.arange(len(image)), np.arange(len(image))
    while len(pending):
        start = is_first(group[pending])
        leader = pending[start][np.cumsum(start) - 1]
        near, _, similar = _compared(join, settled, image[leader], image[pending])
        home[pending[near]] = np.where(home[pending] == pending, home[leader], home[pending])[near]
        may = (label[leader] == label[pending]) | (label[pending] == UNKNOWN)
        apart[pending[may & ~near]] = True
        goes = may & near
        done = pending[goes]
        twin[done], found[done], home[done] = leader[goes], similar[goes], home[leader[goes]]
        pending = pending[~goes]
    return twin, found, home, apart


def _compared(join: Join, settled: Settled, one: RowNumbers, two: RowNumbers) -> tuple[Mask, Mask, Floats]:
    """Return which pairs of images are identical or duplicates, which people judged the same, and the similarities."""
    pairs = with_similarity(join, Pairs(one, two, np.ones(len(one))))
    near, judged = confirmed(join, pairs, settled.line, settled.decisions, settled.asked)
    return near | (one == two), judged, np.abs(pairs.similarity)


def _undecided(settled: Settled, rows: SplitRows, found: Grouped) -> Matched:
    """Return the rows that stay with their best undecided match outside their group."""
    group = -1 - np.arange(rows.prints.images)
    group[rows.image[found.row]] = found.group
    pairs = settled.pairs
    outside = settled.undecided & (group[pairs.first] != group[pairs.second])
    best = pairs.where(outside).seen_from(0, within=True).best()
    goes = found.row[found.row != found.twin]
    stays = np.setdiff1d(np.flatnonzero(np.isin(rows.image, best.first)), goes)
    at = np.searchsorted(best.first, rows.image[stays])
    none = np.zeros(len(stays), np.bool_)
    undecided = Matched(stays, rows.examples()[0][best.second[at]], none, none, best.similarity[at])
    return undecided.where(np.argsort(rows.rank[stays]))


def _counts(found: Grouped, stays: Mask, conflicts: Matched, undecided: Matched, blank: Mask) -> dict[str, Any]:
    sizes, differ = np.bincount(found.group), np.isin(found.row, conflicts.row)
    labelled = np.flatnonzero(differ & stays)
    held = labelled[~is_first(found.group[labelled])]  # the first of each group stays in any case
    matched = np.concatenate([found.row[~stays], found.row[held], undecided.row])
    return {
        "groups": len(sizes),
        "grouped": len(found.row),
        "exact": int((found.exact & ~stays).sum()),
        "near": int((~found.exact & ~stays).sum()),
        "largest": int(sizes.max(initial=0)),
        "chains": found.chains,
        "conflicts": len(np.unique(found.group[differ])),
        "held": len(held),
        "undecided": len(undecided.row),
        "blank": int(np.delete(blank, matched).sum()),
    }
