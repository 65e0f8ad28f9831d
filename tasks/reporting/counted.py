"""Tables of a run that its report counts as well: label conflicts, decisions of people, and refused members.

A label conflict is an image with a duplicate of another label. A refused member is not an accepted image.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from tasks.formats import HOLD_IMAGES
from tasks.records import Findings, LoadedSources
from tasks.records.inputs import ClassMembers, IgnoredKind
from tasks.records.rows import LabelConflicts
from tasks.records.verdict import Judged, JudgedBand
from tasks.reporting.actions import given_paths
from tasks.storage import Place, tables
from tasks.storage.decisions import read_decisions
from tasks.storage.images import mean_and_deviation


def conflicts_of(found: Findings, workspace: Place) -> pa.Table:
    """Return the images with a duplicate of another label, each with its best such duplicate.

    The schema is `REMOVED` and two columns: ``new_class``, the class that people chose, null if the image has it; and
    ``open``, whether the labels still differ.
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


def count_conflicts(table: pa.Table) -> LabelConflicts:
    """Count the images in a table of conflicts, where an image may have one duplicate in its split and one outside."""
    some = table, table.filter(table["open"]), table.filter(pc.is_valid(table["new_class"]))
    return LabelConflicts(*(pc.count_distinct(of["id"]).as_py() for of in some))


def _right_classes(table: pa.Table, found: Findings, workspace: Place) -> dict[str, str]:
    """Return the right class by id for images with a decision about their label."""
    if found.decided is None:
        return {}
    said = defaultdict[bytes, set[str]](set)
    for pair, label in read_decisions(workspace / found.decided.table).right_labels.items():
        for digest in pair:
            said[digest].add(label)
    ids = pc.field("id").isin(pa.concat_arrays(table["id"].chunks + table["twin_id"].chunks))
    parts = [tables.read(workspace / each.table, ["id", "md5"], filters=ids) for each in found.fingerprints]
    images = (row for part in parts for row in part.to_pylist())
    return {row["id"]: min(said[row["md5"]]) for row in images if len(said[row["md5"]]) == 1}


def judged_pairs(found: Findings, workspace: Place) -> Judged | None:
    """Count the decisions about pairs of the run's images; None if none apply."""
    if (decided := found.decided) is None:
        return None
    table = read_decisions(workspace / decided.table).table
    shown = table.filter(pc.and_kleene(pc.equal(table["view"], found.reading.view), pc.is_valid(table["similarity"])))
    bands = []
    for band in found.verdict.bands:
        last = pc.less_equal if band.high >= 1 else pc.less
        inside = pc.and_(pc.greater_equal(shown["similarity"], band.low), last(shown["similarity"], band.high))
        if same := shown.filter(inside)["same"].to_pylist():
            bands.append(JudgedBand(band.low, band.high, len(same), sum(same), band.precision))
    return Judged(decided.sha256, len(table), decided.same, decided.different, tuple(bands))


def conservation(found: Findings | LoadedSources) -> Iterator[ClassMembers]:
    """Count the outcomes of the members of each class of each source, over all its shards."""
    names = ("members", "rows", "quarantined", "ignored", "mislabelled", "remarked", "pixels", "total", "squares")
    for archive in found.archives:
        counts = (one for shard in found.shards if shard.role == archive.role for one in shard.classes)
        for class_name, several in groupby(counts, lambda one: one.class_name):
            of_class = list(several)
            *outcomes, pixels, total, squares = (sum(getattr(one, name) for one in of_class) for name in names)
            moments = mean_and_deviation(pixels, total, squares) if pixels else (None, None)
            yield ClassMembers(archive.role, class_name, *outcomes, *moments)
        if members := sum(archive.outside.values()):
            refused = archive.outside["quarantined"], archive.outside["ignored"]
            yield ClassMembers(archive.role, None, members, 0, *refused, 0, 0, None, None)


def refused_members(found: Findings | LoadedSources, workspace: Place) -> pa.Table:
    """Return one row per refused member, sorted by role, class and member; ``path`` begins with the source as given."""
    first, *others = found.shards  # shards without refused members are not opened
    refused = [tables.read(workspace / shard.quarantine) for shard in (first, *(one for one in others if one.refused))]
    inside = pa.concat_tables(refused)
    ids = pc.binary_join_element_wise(inside["role"], inside["class_name"], inside["member"], "/").combine_chunks()
    refused = [inside.append_column("path", given_paths(ids, found.archives))]
    schema = refused[0].schema
    for archive in found.archives:
        outside = tables.read(workspace / archive.index, filters=~pc.field("class_name").is_valid())
        path = pc.binary_join_element_wise(archive.given.rstrip("/"), outside["member"], "/")
        own = outside.append_column("bytes", outside["size"]).append_column("path", path)
        for name, text in (("role", archive.role), ("detail", "")):
            own = own.append_column(name, pa.repeat(text, len(own)))
        refused.append(own.select(schema.names).cast(schema))
    return pa.concat_tables(refused).sort_by([(name, "ascending") for name in ("role", "class_name", "member")])


def ignored_kinds(found: Findings | LoadedSources, workspace: Place) -> tuple[IgnoredKind, ...]:
    """Count ignored members by file extension, most frequent first.

    Files that no row or annotation names count only if they may hold images.
    """
    reasons = ["not_image_name", "not_png_name", "beside_rows"]
    ignored = refused_members(found, workspace).filter(pc.field("reason").isin(reasons)).select(["member", "reason"])
    named = ((PurePosixPath(row["member"].lower()).suffix, row["reason"]) for row in ignored.to_pylist())
    endings = Counter(of or "none" for of, reason in named if reason != "beside_rows" or of in HOLD_IMAGES)
    return tuple(IgnoredKind(*pair) for pair in sorted(endings.items(), key=lambda pair: (-pair[1], pair[0])))
