"""Label conflicts: images whose label is not that of a duplicate, and what people said of them."""

from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings
from tasks.records.removed import each_pair_once
from tasks.records.rows import LabelConflicts
from tasks.storage import tables
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place

TABLE = "label_conflicts.parquet"


def conflicts_of(found: Findings, workspace: Place) -> pa.Table:
    """Return the images whose label differs from that of a duplicate, each with its best such duplicate.

    The schema is `REMOVED` and two columns: ``new_class``, the class that people chose, null for an image that has it;
    and ``open``, whether the labels still differ.
    """
    parts = [overlap.conflicts(name) for overlap in found.overlaps for name in (overlap.first, overlap.second)]
    parts += [of.conflicts for of in found.duplicates if of.folder is not None]
    table = pa.concat_tables(tables.read(workspace / name) for name in parts)
    right = _right_classes(table, found, workspace)
    own, theirs = (
        [right.get(name, given) for name, given in zip(table[of].to_pylist(), table[given].to_pylist(), strict=True)]
        for of, given in (("id", "class_name"), ("twin_id", "twin_class_name"))
    )
    now = pa.array(own, pa.string())
    table = table.append_column("new_class", pc.if_else(pc.equal(now, table["class_name"]), None, now))
    return table.append_column("open", pc.not_equal(now, pa.array(theirs, pa.string())))


def count_pairs(table: pa.Table) -> LabelConflicts:
    """Count the pairs of a table of conflicts."""
    pairs = each_pair_once(table)
    return LabelConflicts(len(pairs), int(pc.sum(pairs["open"]).as_py() or 0))


def _right_classes(table: pa.Table, found: Findings, workspace: Place) -> dict[str, str]:
    """Return the class that an image has by what people said, for those of which they said one."""
    said = defaultdict[bytes, set[str]](set)
    if found.decided is not None:
        for pair, label in read_decisions(workspace / found.decided.table).right_labels.items():
            for digest in pair:
                said[digest].add(label)
    if not said:
        return {}
    ids = pc.field("id").isin(pa.concat_arrays(table["id"].chunks + table["twin_id"].chunks))
    parts = [tables.read(workspace / each.table, ["id", "md5"], filters=ids) for each in found.fingerprints]
    images = (row for part in parts for row in part.to_pylist())
    return {row["id"]: min(said[row["md5"]]) for row in images if len(said[row["md5"]]) == 1}
