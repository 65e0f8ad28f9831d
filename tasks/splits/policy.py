"""Decide which rows go, and why.

Protecting train: validation loses what it shares with train, test what it shares with train or
raw validation. Protecting test: validation loses what it shares with test, train what it shares
with test or raw validation. Either way the three are pairwise disjoint.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Overlap, SplitDuplicates
from tasks.records.removed import REMOVED, is_removed
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS, SplitName


def read_twins(overlap: Overlap, rows_of: SplitName, first: int, rows: int, workspace: Place) -> pa.Table:
    """Return the best matches of some rows of one of an overlap's splits, with ``found_in`` added."""
    table = tables.read_rows(workspace / overlap.table(rows_of), first, rows)
    return in_split(table, overlap.second if rows_of == overlap.first else overlap.first)


def in_split(table: pa.Table, other: SplitName) -> pa.Table:
    """Return a table of best matches with the split that they are in."""
    return table.append_column("found_in", pa.array([other] * len(table), pa.string()))


def removed_rows(twins: Sequence[pa.Table], split: SplitName, reasons: Sequence[str] = ("exact", "near")) -> pa.Table:
    """Return the rows that a split loses, of some rows, in their order, each with its best twin.

    Parameters
    ----------
    twins : sequence of Table
        Twins of these rows in each split that they are lost to, of equal length and order.
    split : str
    reasons : sequence of str
        Columns of these tables: what a match has to be.

    Returns
    -------
    Table
        Schema `REMOVED`. The best twin is exact before near, then the more similar, then the one in
        train before validation, then the smaller id.
    """
    goes, score = [], []
    for table in sorted(twins, key=lambda t: SPLITS.index(t["found_in"][0].as_py()) if len(t) else 0):
        found = np.any([table[reason].to_numpy() for reason in reasons], axis=0)
        goes.append(table)
        score.append(
            np.where(found, table["exact"].to_numpy() * 1.0 + table["jaccard"].fill_null(0.0).to_numpy(), -1.0)
        )
    best = np.argmax(score, axis=0)  # the first of equals
    rows = np.flatnonzero(np.max(score, axis=0) >= 0)
    picked = [
        table.take(pa.array(rows[best[rows] == number])).append_column("row", pa.array(rows[best[rows] == number]))
        for number, table in enumerate(goes)
    ]
    table = pa.concat_tables(picked).sort_by("row")
    reason = pc.if_else(table["exact"], "exact", reasons[-1])
    names = {"split": pa.array([split] * len(table), pa.string()), "reason": reason, "twin_split": table["found_in"]}
    return pa.table(
        [names.get(f.name, table[f.name] if f.name in table.column_names else None) for f in REMOVED], REMOVED
    )


def undecided_rows(twins: Sequence[pa.Table], removed: pa.Table, split: SplitName) -> pa.Table:
    """Return the rows that stay although nobody can tell whether their best match is a duplicate, each with that match.

    Parameters
    ----------
    twins : sequence of Table
        As of `removed_rows`.
    removed : Table
        What that returns.
    split : str
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
