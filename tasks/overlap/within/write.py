"""The table of a split's groups at a threshold, and of what is similar there and no twin."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.overlap.jaccard import whole_percent
from tasks.overlap.likeness import Likeness
from tasks.overlap.tables import Rows, SplitFingerprints
from tasks.overlap.within.decided import settled_links
from tasks.overlap.within.distinct import Distinct
from tasks.overlap.within.forest import Forest
from tasks.overlap.within.keeping import Duplicates, find_duplicates, find_groups
from tasks.overlap.within.links import read_alike, read_forest
from tasks.storage import tables
from tasks.storage.decisions import Decisions
from tasks.storage.place import Place
from tasks.views import View
from tasks.vocabulary import Chains, Keep, SplitName
from tasks.vocabulary.arrays import RowNumbers

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
    """From how many percent on images are twins and reported at all, and which image of a group stays."""

    percent: int
    floor: int
    keep: Keep
    chains: Chains


def write_duplicates(
    rows: Rows,
    view: View,
    split: SplitName,
    links: Place,
    rules: Rules,
    decisions: Decisions | None,
    target: Place,
) -> dict[str, int]:
    """Write the rows of a split that belong to groups, and return the counts of `tasks.records.rows.SplitGroups`."""
    distinct, forest = read_alike(links), read_forest(links)
    if decisions:
        distinct, forest = settled_links(rows, distinct, forest, view, rules.floor, decisions)
    groups = find_groups(rows.digests, distinct, forest, rules.percent)
    grouped = rows.take(groups.row)
    likeness, order = Likeness(grouped, grouped, view.on_pixels), preferred(grouped, rules.keep)
    found = find_duplicates(likeness, groups, rules.percent, order, rules.chains, decisions)
    stays = found.row == found.twin
    at, twin = pa.array(found.row), pa.array(found.twin)
    reason = np.where(found.exact, "exact", "near")
    columns = {
        "id": grouped.ids.take(at),
        "split": pa.array([split] * len(at), pa.string()),
        "class_name": grouped.class_names.take(at),
        "group": pa.array(found.group),
        "stays": pa.array(stays),
        "reason": pa.array(reason, pa.string(), mask=stays),
        "jaccard": pa.array(found.similarity, mask=stays),
        "twin_id": grouped.ids.take(twin),
        "twin_class_name": grouped.class_names.take(twin),
        "weakest": pa.array(found.weakest),
        "chain": pa.array(found.chain),
    }
    tables.write(pa.table(columns, schema=DUPLICATES), target / DUPLICATES_FILE)
    unconfirmed = _unconfirmed(rows, distinct, forest, split, view.similar_percent, rules.percent)
    tables.write(unconfirmed, target / UNCONFIRMED_FILE)
    return _counts(found, stays, grouped.side.labels)


def _unconfirmed(
    rows: Rows, distinct: Distinct, forest: Forest, split: SplitName, similar: int, percent: int
) -> pa.Table:
    """Return the images whose best match is similar and no twin, each with that match; the forest has it."""
    at, twin = np.append(forest.first, forest.second), np.append(forest.second, forest.first)
    similarity = np.append(forest.similarity, forest.similarity)
    order = np.lexsort((twin, -similarity, at))
    order = order[np.append(True, np.diff(at[order]) != 0)[: len(order)]]
    reached = whole_percent(similarity[order])
    order = order[(reached >= similar) & (reached < percent)]
    row, other = (rows.take(distinct.example[ends[order]]) for ends in (at, twin))
    names = pa.array([split] * len(order), pa.string())
    columns = {
        "id": row.ids,
        "split": names,
        "class_name": row.class_names,
        "reason": pa.array(["alike"] * len(order), pa.string()),
        "jaccard": pa.array(similarity[order]),
        "twin_id": other.ids,
        "twin_split": names,
        "twin_class_name": other.class_names,
    }
    return pa.table(columns).sort_by("id")


def preferred(rows: SplitFingerprints, keep: Keep) -> RowNumbers:
    """Return the place of each row in the order in which rows are preferred.

    The largest comes first, of equally large ones the one with the most bytes, then the smaller id; or ids alone count.
    """
    keys = [rows.side.ranks]
    if keep == "largest" and rows.pixels is not None and rows.bytes is not None:
        keys += [-rows.bytes, -rows.pixels]
    order = np.lexsort(keys)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place


def _counts(found: Duplicates, stays: np.ndarray[Any, np.dtype[np.bool_]], labels: RowNumbers) -> dict[str, int]:
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
