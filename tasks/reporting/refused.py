"""Members of all sources that are not accepted images, with their reasons, and members ignored by their names."""

from collections import Counter
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings
from tasks.records.rows import IgnoredKind
from tasks.storage import Place, tables

OF_ANOTHER_KIND = ("not_image_name", "not_png_name")  # reasons


def refused_members(found: Findings, workspace: Place) -> pa.Table:
    """Return one row per refused member, sorted by role, class and member."""
    first, *others = found.shards  # shards without refused members are not opened
    refused = [tables.read(workspace / shard.quarantine) for shard in (first, *(one for one in others if one.refused))]
    schema = refused[0].schema
    for archive in found.archives:
        outside = tables.read(workspace / archive.index, filters=~pc.field("class_name").is_valid())
        own = outside.append_column("bytes", outside["size"])
        for name, text in (("role", archive.role), ("detail", "")):
            own = own.append_column(name, pa.repeat(text, len(own)))
        refused.append(own.select(schema.names).cast(schema))
    return pa.concat_tables(refused).sort_by([(name, "ascending") for name in ("role", "class_name", "member")])


def ignored_kinds(found: Findings, workspace: Place) -> tuple[IgnoredKind, ...]:
    """Count members that are ignored because of their file extension, by extension, most frequent first."""
    refused = refused_members(found, workspace)
    ignored = refused.filter(pc.is_in(refused["reason"], pa.array(OF_ANOTHER_KIND)))
    endings = Counter(PurePosixPath(name.lower()).suffix or "none" for name in ignored["member"].to_pylist())
    return tuple(IgnoredKind(*pair) for pair in sorted(endings.items(), key=lambda pair: (-pair[1], pair[0])))
