"""Write the splits without the rows that go, and the lists of those rows and of undecided ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.arrays import RowNumbers
from tasks.records import Overlap, Split, SplitDuplicates, Splits, between
from tasks.records.conservation import conserve
from tasks.records.removed import is_removed
from tasks.registration.views import View
from tasks.splits import policy
from tasks.storage import tables
from tasks.storage.image_files import read_ids, take_images
from tasks.storage.images import Images, write_split
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.vocabulary import LOSES_TO, Protect, SplitName

SANITIZED = "sanitized"
AT_ONCE = 100_000  # rows whose twins are in memory


def write_sanitized(
    splits: Splits,
    overlaps: Sequence[Overlap],
    protect: Protect,
    view: View,
    workspace: Place,
    target: Place,
    inside: SplitDuplicates | None = None,
) -> dict[str, Any]:
    """Write ``sanitized/`` and the lists of removed rows and unconfirmed matches into `target`.

    `overlaps` are those of all pairs of splits; `inside` are the duplicates inside train, where it is the only split
    and loses them. Returned are fields of `tasks.records.Sanitized`, with the facts of each split that was written.
    """
    facts: dict[str, Any] = {"exact_left": {}, "near_left": {}, "splits": {}}
    removed, unconfirmed = [], []
    lost = {name: _lost(splits[name], overlaps, others, workspace) for name, others in LOSES_TO[protect].items()}
    if inside:
        lost["train"] = policy.lost_inside(inside, workspace)
    for name, (gone, undecided) in lost.items():
        files = splits[name].places(workspace)
        ids = read_ids(files)
        kept = np.flatnonzero(~is_removed(ids, gone, ["exact", "near"]))
        facts["exact_left"][name] = int((~is_removed(ids, gone, ["exact"])).sum())
        facts["near_left"][name] = len(kept)
        written = write_split(len(kept), _kept_of(files, kept), name, splits.classes, target / SANITIZED)
        facts["splits"][name] = written
        conserve(f"sanitize {name}", splits[name].rows, written["rows"], len(gone))
        removed.append(gone)
        unconfirmed.append(undecided)
    facts["groups"] = policy.star_groups(pa.concat_tables(removed))
    for file, rows in (("removed", removed), ("unconfirmed", unconfirmed)):
        table = pa.concat_tables(rows)
        names = [view.column if name == "jaccard" else name for name in table.column_names]
        tables.write(table.rename_columns(names), target / f"{file}.parquet")
    return facts | {"sha256": at(target / "removed.parquet").sha256()}


def _lost(
    split: Split, overlaps: Sequence[Overlap], others: Sequence[SplitName], workspace: Place
) -> tuple[pa.Table, pa.Table]:
    """Return the rows that a split loses to others, and the undecided rows that stay."""
    lost, undecided, name = [], [], split.name
    tables_of = {other: workspace / between(overlaps, name, other).table(name) for other in others}
    for start in range(0, max(split.rows, 1), AT_ONCE):
        twins = {other: tables.read_rows(table, start, AT_ONCE) for other, table in tables_of.items()}
        lost.append(policy.removed_rows(twins, name))
        undecided.append(policy.undecided_rows(twins, lost[-1], name))
    return pa.concat_tables(lost), pa.concat_tables(undecided)


def _kept_of(files: Sequence[Place], kept: RowNumbers) -> Callable[[int, int], Images]:
    return lambda start, stop: take_images(files, kept[start:stop])
