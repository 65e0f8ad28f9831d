"""Write splits without overlapping rows, and the lists of removed rows and of undecided ones.

With train protected, validation loses rows with a duplicate in train, and test those with one in train or raw
validation. With test protected, train and test are exchanged. The three results are pairwise disjoint.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Overlap, Split, SplitDuplicates, Splits, between
from tasks.records.conservation import conserve
from tasks.records.removed import REMOVED, is_removed
from tasks.records.spec import ComparingSpec
from tasks.storage import Place, at, tables
from tasks.storage.image_files import read_ids, take_images
from tasks.storage.images import per_file, write_split
from tasks.vocabulary import LOSES_TO, SPLITS, SplitName

SANITIZED = "sanitized"
AT_ONCE = 100_000  # rows whose duplicates are in memory at a time


def write_sanitized(
    spec: ComparingSpec,
    splits: Splits,
    overlaps: Sequence[Overlap],
    inside: SplitDuplicates | None,
    workspace: Place,
    target: Place,
) -> dict[str, Any]:
    """Write ``sanitized/`` and the lists of removed rows and undecided matches into `target`.

    `overlaps` cover all pairs of splits; `inside` are the duplicates inside train, to remove if it is the only split.
    Returns fields of `tasks.records.Sanitized`, and the facts of each written split.
    """
    facts: dict[str, Any] = {"exact_left": {}, "splits": {}}
    lost = {name: _lost(splits[name], overlaps, others, workspace) for name, others in LOSES_TO[spec.protect].items()}
    if inside:
        lost["train"] = _lost_inside(inside, workspace)
    for name, (gone, _) in lost.items():
        files = splits[name].places(workspace)
        ids = read_ids(files)
        kept = np.flatnonzero(~is_removed(ids, gone, ["exact", "near"]))
        facts["exact_left"][name] = int((~is_removed(ids, gone, ["exact"])).sum())
        pieces = [partial(take_images, files, rows) for rows in per_file(kept)]
        facts["splits"][name] = written = write_split(pieces, name, splits.classes, target / SANITIZED)
        conserve(f"sanitize {name}", splits[name].rows, written["rows"], len(gone))
    removed, unconfirmed = map(pa.concat_tables, zip(*lost.values(), strict=True))
    facts["groups"] = star_groups(removed)
    for file, table in (("removed", removed), ("unconfirmed", unconfirmed)):
        tables.write(table.rename_columns({"jaccard": spec.compared_by.column}), target / f"{file}.parquet")
    return facts | {"sha256": at(target / "removed.parquet").sha256()}


def _lost(
    split: Split, overlaps: Sequence[Overlap], others: Sequence[SplitName], workspace: Place
) -> tuple[pa.Table, pa.Table]:
    """Return the rows that a split loses to `others`, and the undecided rows, which stay."""
    lost, undecided, name = [], [], split.name
    tables_of = {other: workspace / between(overlaps, name, other).table(name) for other in others}
    for start in range(0, max(split.rows, 1), AT_ONCE):
        twins = {other: tables.read_rows(table, start, AT_ONCE) for other, table in tables_of.items()}
        lost.append(removed_rows(twins, name))
        undecided.append(undecided_rows(twins, lost[-1], name))
    return pa.concat_tables(lost), pa.concat_tables(undecided)


def _lost_inside(duplicates: SplitDuplicates, workspace: Place) -> tuple[pa.Table, pa.Table]:
    """Return the rows that a set loses to rows that stay, and the undecided rows, both with schema `REMOVED`."""
    grouped, undecided = tables.read(workspace / duplicates.table), tables.read(workspace / duplicates.unconfirmed)
    gone = grouped.filter(pc.invert(grouped["stays"]))
    gone = gone.append_column("twin_split", gone["split"]).append_column("judged", pa.nulls(len(gone), pa.bool_()))
    return gone.select(REMOVED.names), undecided.select(REMOVED.names)


def removed_rows(
    twins: Mapping[SplitName, pa.Table], split: SplitName, reasons: Sequence[str] = ("exact", "near")
) -> pa.Table:
    """Return the given rows of a split that it loses, in their order, each with its best duplicate; schema `REMOVED`.

    `twins` has, for each split that takes precedence, one row per given row with its best match there. At least
    one of the columns `reasons` must be true. The best duplicate is exact rather than near, then the more similar
    one, then the one in train rather than validation, then the one with the smaller id.
    """
    tables_of = {other: twins[other] for other in SPLITS if other in twins}
    score = []
    for table in tables_of.values():
        found = np.any([table[reason].to_numpy() for reason in reasons], axis=0)
        similarity = table["exact"].to_numpy() * 1.0 + table["jaccard"].fill_null(0.0).to_numpy()
        score.append(np.where(found, similarity, -1.0))
    best, any_found = np.argmax(score, axis=0), np.max(score, axis=0) >= 0  # the first among equals
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
    """Return the rows that stay although their best match is undecided, each with that match.

    `twins` are those given to `removed_rows`, which returned `removed`.
    """
    found = removed_rows(twins, split, ["undecided"])
    return found.filter(pa.array(~is_removed(found["id"], removed, ["exact", "near"])))


def star_groups(removed: pa.Table) -> dict[str, int]:
    """Count groups: a row that stays, and the removed rows whose best duplicate it is."""
    sizes = pc.value_counts(removed["twin_id"]).field("counts").to_numpy()
    return {"count": len(sizes), "rows": len(removed) + len(sizes), "largest": int(sizes.max(initial=-1)) + 1}
