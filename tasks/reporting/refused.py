"""Members of all sources that became no image, with the reason of each, and what was ignored for its kind."""

from collections import Counter
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Archive, Findings
from tasks.records.rows import IgnoredKind
from tasks.storage import tables
from tasks.storage.place import Place

OF_ANOTHER_KIND = ("not_image_name", "not_png_name")  # reasons


def refused_members(found: Findings, workspace: Place) -> pa.Table:
    """Return a row per refused member, sorted by role, class and member."""
    first, *others = found.shards  # those that have lost nothing are not even opened
    shards = [first, *(shard for shard in others if shard.refused)]
    refused = [tables.read(workspace / shard.quarantine) for shard in shards]
    refused += [_outside(archive, refused[0].schema, workspace) for archive in found.archives]
    return pa.concat_tables(refused).sort_by([(name, "ascending") for name in ("role", "class_name", "member")])


def ignored_kinds(found: Findings, workspace: Place) -> tuple[IgnoredKind, ...]:
    """Count what was ignored because its name is that of no image, by the ending of the name, the most first."""
    refused = refused_members(found, workspace)
    ignored = refused.filter(pc.is_in(refused["reason"], pa.array(OF_ANOTHER_KIND)))
    endings = Counter(PurePosixPath(name.lower()).suffix or "none" for name in ignored["member"].to_pylist())
    return tuple(IgnoredKind(*pair) for pair in sorted(endings.items(), key=lambda pair: (-pair[1], pair[0])))


def _outside(archive: Archive, schema: pa.Schema, workspace: Place) -> pa.Table:
    """Return the refused members that lie in no class folder."""
    rows = tables.read(workspace / archive.index, filters=~pc.field("class_name").is_valid())
    text = {"role": archive.role, "detail": ""}
    columns = {name: pa.array([value] * len(rows), pa.string()) for name, value in text.items()}
    columns["bytes"] = rows["size"]
    return pa.table(
        [columns.get(name, rows[name] if name in rows.column_names else None) for name in schema.names], schema
    )
