"""Members that are no images of a shard, each with its reason."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError
from tasks.records import Shard
from tasks.sources.members import path_of
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import Role

MAX_GLYPH_BYTES = 64 << 10
SCHEMA = pa.schema(
    {
        "role": pa.string(),
        "class_name": pa.string(),
        "member": pa.string(),
        "outcome": pa.string(),
        "reason": pa.string(),
        "detail": pa.string(),
        "bytes": pa.int64(),
    }
)


def as_glyphs(index: pa.Table) -> pa.Table:
    """Return the rows of an index with the outcomes that only glyphs have: they are small, and PNGs."""
    pending, big = pc.is_null(index["outcome"]), pc.greater(index["size"], MAX_GLYPH_BYTES)
    no_png = pc.and_(pending, pc.invert(pc.match_substring_regex(index["member"], r"(?i)\.png$")))
    oversize, no_name = (pc.is_in(index["reason"], pa.array([name])) for name in ("oversize_file", "not_image_name"))
    for where, outcome, reason in (
        (pc.or_(oversize, pc.and_(pending, big)), "quarantined", "oversize_member"),
        (pc.or_(no_name, no_png), "ignored", "not_png_name"),
    ):
        for name, value in (("outcome", outcome), ("reason", reason)):
            column = pc.if_else(where, value, index[name])
            index = index.set_column(index.column_names.index(name), name, column)
    return index


def settled_members(index: pa.Table, role: Role) -> list[tuple[object, ...]]:
    """Return the quarantine rows of members that the index itself refuses."""
    settled = index.filter(pc.is_valid(index["outcome"])).to_pylist()
    return [(role, row["class_name"], row["member"], row["outcome"], row["reason"], "", row["size"]) for row in settled]


def write_quarantine(rows: list[tuple[object, ...]], target: Place) -> None:
    """Write refused members, sorted by class and name."""
    rows = sorted(rows, key=lambda row: (row[0], row[1] or "", row[2], row[4]))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in SCHEMA]
    tables.write(pa.table(columns, schema=SCHEMA), target)


def require_images(shards: Sequence[Shard], workspace: Place) -> None:
    """Refuse a source of which nothing can be read.

    Raises
    ------
    DataError
        When all members of a source are refused or ignored; it names the reasons and a member.
    """
    for role in dict.fromkeys(shard.role for shard in shards):
        own = [shard for shard in shards if shard.role == role]
        if any(shard.rows for shard in own):
            continue
        refused = pa.concat_tables([tables.read(workspace / shard.quarantine) for shard in own])
        reasons = Counter(refused["reason"].to_pylist()).most_common()
        told = ", ".join(f"{count:,} as {reason}" for reason, count in reasons)
        first = refused.filter(pc.equal(refused["reason"], reasons[0][0])).slice(0, 1).to_pylist()[0]
        name = path_of(first["class_name"], first["member"]) + (f" ({first['detail']})" if first["detail"] else "")
        raise DataError(f"no image of {role} can be read: left out are {told}. Look at {name}, or name another source.")
