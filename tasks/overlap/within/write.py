"""Tables of what hangs together inside a split: its links, whatever the threshold, and at the threshold its groups."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.overlap.bands import Bands
from tasks.overlap.jaccard import whole_percent
from tasks.overlap.likeness import Likeness
from tasks.overlap.proposals import CANDIDATES, PAIR
from tasks.overlap.search import cost_of
from tasks.overlap.tables import Rows, SplitFingerprints
from tasks.overlap.threshold import Best
from tasks.overlap.verdict import Matches
from tasks.overlap.within.decided import settled_links
from tasks.overlap.within.forest import Forest
from tasks.overlap.within.keeping import Duplicates, find_duplicates
from tasks.overlap.within.search import search_within
from tasks.storage import tables
from tasks.storage.decisions import Decisions
from tasks.storage.place import Place
from tasks.views import View
from tasks.vocabulary import Chains, Keep, SplitName
from tasks.vocabulary.arrays import RowNumbers

ALIKE, FOREST, MATCHES = "alike.parquet", "forest.parquet", "matches.parquet"
DUPLICATES_FILE, UNCONFIRMED_FILE = "duplicates.parquet", "unconfirmed.parquet"  # as `SplitDuplicates` names them
UNASKED = 6e10  # nanoseconds: a minute of one core, for what nobody asked for
DECIDED, FORMS = 4e5, 8  # nanoseconds of deciding a candidate pair of photographs; forms of a row, beside itself
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


def is_asked_too_much(rows: Rows, view: View, floor: int) -> bool:
    """Say whether comparing a split with itself would take longer than a minute of one core."""
    count = len(rows)
    if view.on_pixels:
        return PAIR * (1 + FORMS) * count**2 + DECIDED * CANDIDATES * count > UNASKED
    return cost_of(rows, rows, floor) > UNASKED


def write_links(
    rows: SplitFingerprints, view: View, floor: int, bands: Bands | None, seed: int, target: Place
) -> dict[str, Any]:
    """Write which rows are equal, the forest of pairs, and the best match of each image; return how they were found."""
    links = search_within(rows, view, floor, bands, seed)
    tables.write(pa.table({"alike": links.alike}), target / ALIKE)
    tables.write(pa.table(links.forest._asdict()), target / FOREST)
    best = {"similarity": links.best.similarity, "crowd": links.best.crowd, "other_class": links.other_class}
    tables.write(pa.table(best), target / MATCHES)
    sides = rows.short_sides
    side = int(np.median(sides)) if sides is not None and len(sides) else None
    return {"method": links.method, "short_side": side}


def read_matches(folder: Place) -> Matches:
    """Return the best match of each image of a split in the rest of it."""
    found = tables.read(folder / MATCHES)
    similarity, crowd, other_class = (found[name].to_numpy() for name in ("similarity", "crowd", "other_class"))
    return Matches(Best(similarity, crowd), other_class)


@dataclass(frozen=True)
class Rules:
    """From how many percent on images are twins and reported at all, and which image of a group stays."""

    percent: int
    floor: int
    keep: Keep
    chains: Chains


def write_duplicates(
    rows: SplitFingerprints,
    view: View,
    split: SplitName,
    links: Place,
    rules: Rules,
    decisions: Decisions | None,
    target: Place,
) -> dict[str, int]:
    """Write the rows of a split that belong to groups, and return the counts of `tasks.records.rows.SplitGroups`."""
    alike = tables.read(links / ALIKE)["alike"].to_numpy()
    forest = Forest(*(tables.read(links / FOREST)[name].to_numpy() for name in Forest._fields))
    if decisions:
        alike, forest = settled_links(rows, alike, forest, view, rules.floor, decisions)
    likeness, order = Likeness(rows, rows, view.on_pixels), preferred(rows, rules.keep)
    found = find_duplicates(likeness, alike, forest, rules.percent, order, rules.chains, decisions)
    stays = found.row == found.twin
    at, twin = pa.array(found.row), pa.array(found.twin)
    reason = np.where(found.exact, "exact", "near")
    columns = {
        "id": rows.ids.take(at),
        "split": pa.array([split] * len(at), pa.string()),
        "class_name": rows.class_names.take(at),
        "group": pa.array(found.group),
        "stays": pa.array(stays),
        "reason": pa.array(reason, pa.string(), mask=stays),
        "jaccard": pa.array(found.similarity, mask=stays),
        "twin_id": rows.ids.take(twin),
        "twin_class_name": rows.class_names.take(twin),
        "weakest": pa.array(found.weakest),
        "chain": pa.array(found.chain),
    }
    tables.write(pa.table(columns, schema=DUPLICATES), target / DUPLICATES_FILE)
    examples = np.unique(alike, return_index=True)[1]
    unconfirmed = _unconfirmed(rows, examples, forest, split, view.similar_percent, rules.percent)
    tables.write(unconfirmed, target / UNCONFIRMED_FILE)
    return _counts(found, stays, rows.side.labels)


def _unconfirmed(
    rows: SplitFingerprints, examples: RowNumbers, forest: Forest, split: SplitName, similar: int, percent: int
) -> pa.Table:
    """Return the images whose best match is similar and no twin, each with that match; the forest has it."""
    at, twin = np.append(forest.first, forest.second), np.append(forest.second, forest.first)
    similarity = np.append(forest.similarity, forest.similarity)
    order = np.lexsort((twin, -similarity, at))
    order = order[np.append(True, np.diff(at[order]) != 0)[: len(order)]]
    reached = whole_percent(similarity[order])
    order = order[(reached >= similar) & (reached < percent)]
    row, other = pa.array(examples[at[order]]), pa.array(examples[twin[order]])
    names = pa.array([split] * len(order), pa.string())
    columns = {
        "id": rows.ids.take(row),
        "split": names,
        "class_name": rows.class_names.take(row),
        "reason": pa.array(["alike"] * len(order), pa.string()),
        "jaccard": pa.array(similarity[order]),
        "twin_id": rows.ids.take(other),
        "twin_split": names,
        "twin_class_name": rows.class_names.take(other),
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
