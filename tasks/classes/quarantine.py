"""Members that are not images of a shard, each with its reason."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes.png import UnreadableError
from tasks.errors import DataError
from tasks.records import Shard
from tasks.sources.members import path_of
from tasks.storage import Place, tables
from tasks.vocabulary import Role

MAX_GLYPH_BYTES = 64 << 10
TEXTS = ("role", "class_name", "member", "outcome", "reason", "detail")
SCHEMA = pa.schema({**dict.fromkeys(TEXTS, pa.string()), "bytes": pa.int64()})


def as_glyphs(index: pa.Table) -> pa.Table:
    """Return the rows of an index with the outcomes specific to glyphs, which are small PNGs."""
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


def refused_members(index: pa.Table, failures: Mapping[int, UnreadableError], role: Role) -> pa.Table:
    """Return the members that are not images of a shard, sorted by class and name; schema `SCHEMA`.

    Some are refused by the index itself. `failures` are keyed by the row among the other members.
    """
    pending = pc.is_null(index["outcome"])
    refused = index.filter(pc.invert(pending)).to_pylist()
    failed = index.filter(pending).take(pa.array([*failures], pa.int64())).to_pylist()
    for row, error in zip(failed, failures.values(), strict=True):
        refused.append(row | {"outcome": "quarantined", "reason": error.reason, "detail": error.detail})
    rows = [{"role": role, "detail": "", "bytes": row["size"]} | row for row in refused]
    rows.sort(key=lambda row: (row["class_name"] or "", row["member"], row["reason"]))
    return pa.Table.from_pylist(rows, SCHEMA)


def require_images(shards: Sequence[Shard], workspace: Place) -> None:
    """Raise `DataError` with reasons and an example if no member of a source is an accepted image."""
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
