"""Decide which rows go, and why.

Protecting train: validation loses what it shares with train, test what it shares with train or
raw validation. Protecting test: validation loses what it shares with test, train what it shares
with test or raw validation. Either way the three are pairwise disjoint.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import SplitDuplicates
from tasks.records.removed import REMOVED, is_removed
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS, SplitName


def removed_rows(
    twins: Mapping[SplitName, pa.Table], split: SplitName, reasons: Sequence[str] = ("exact", "near")
) -> pa.Table:
    """Return the rows that a split loses, of some rows, in their order, each with its best twin; schema `REMOVED`.

    `twins` are, for each split that the rows may be lost to, their best matches in it, a row each, in one order, and
    `reasons` are the columns of which one has to be true. The best twin is exact before near, then the more similar,
    then the one in train before validation, then the smaller id.
    """
    tables_of = {other: twins[other] for other in SPLITS if other in twins}
    score = []
    for table in tables_of.values():
        found = np.any([table[reason].to_numpy() for reason in reasons], axis=0)
        similarity = table["exact"].to_numpy() * 1.0 + table["jaccard"].fill_null(0.0).to_numpy()
        score.append(np.where(found, similarity, -1.0))
    best, any_found = np.argmax(score, axis=0), np.max(score, axis=0) >= 0  # the first of equals
    picked = []
    for number, (other, table) in enumerate(tables_of.items()):
        rows = pa.array(np.flatnonzero(any_found & (best == number)))
        own = table.take(rows).append_column("row", rows)
        own = own.append_column("reason", pc.if_else(own["exact"], "exact", reasons[-1]))
        for column, value in (("split", split), ("twin_split", other)):
            own = own.append_column(column, pa.repeat(value, len(rows)))
        picked.append(own)
    return pa.concat_tables(picked).sort_by("row").select(REMOVED.names).cast(REMOVED)


def undecided_rows(twins: Mapping[SplitName, pa.Table], removed: pa.Table, split: SplitName) -> pa.Table:
    """Return the rows that stay although nobody can tell whether their best match is a duplicate, each with that match.

    `twins` are those of `removed_rows`, which returned `removed`.
    """
    found = removed_rows(twins, split, ["undecided"])
    return found.filter(pa.array(~is_removed(found["id"], removed, ["exact", "near"])))


def lost_inside(duplicates: SplitDuplicates, workspace: Place) -> tuple[pa.Table, pa.Table]:
    """Return the rows that a set loses to rows that stay in it, and the undecided rows, both of schema `REMOVED`."""
    grouped, undecided = tables.read(workspace / duplicates.table), tables.read(workspace / duplicates.unconfirmed)
    gone = grouped.filter(pc.invert(grouped["stays"]))
    gone = gone.append_column("twin_split", gone["split"]).append_column("judged", pa.nulls(len(gone), pa.bool_()))
    return gone.select(REMOVED.names), undecided.select(REMOVED.names)


def star_groups(removed: pa.Table) -> dict[str, int]:
    """Count groups: a kept or protected row and the removed rows whose best twin it is, so no chains."""
    sizes = pc.value_counts(removed["twin_id"]).field("counts").to_numpy()
    return {
        "count": len(sizes),
        "rows": len(removed) + len(sizes),
        "largest": int(sizes.max(initial=0)) + bool(len(sizes)),
    }
