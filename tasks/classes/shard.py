"""Decode the members of a part into a Parquet shard, and list the unreadable ones."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Labels, RowNumbers
from tasks.classes import glyphs
from tasks.classes.photographs import read_photographs
from tasks.classes.png import UnreadableError
from tasks.errors import DataError
from tasks.records import Archive, ClassCounts, Part, Reading, Shard
from tasks.records.conservation import conserve
from tasks.records.inputs import COPIES, PHOTOGRAPHS, QUARANTINE, SAMPLES, SHARD
from tasks.sources.members import Members
from tasks.storage import Place, at, tables
from tasks.storage.image_files import thumbnails
from tasks.storage.images import ImageRows, as_rows, write_images
from tasks.storage.stages import DIGESTS
from tasks.vocabulary import Role, path_of

OF_A_CLASS = 20  # samples
MAX_GLYPH_BYTES = 64 << 10
TEXTS = ("role", "class_name", "member", "outcome", "reason", "detail")
REFUSED = pa.schema({**dict.fromkeys(TEXTS, pa.string()), "bytes": pa.int64()})


def build_shard(part: Part, reading: Reading, workspace: Place, target: Place) -> dict[str, Any]:
    """Write the images (sorted by class and id), the quarantine and the samples of a part into the folder `target`.

    Photographs also get their own table; see `tasks.classes.photographs`. Labels are those inside the part, so that a
    shard does not depend on the classes of other sources. Returns, as JSON values, the counts of the part's classes, in
    order, and the digest of its images.
    """
    index = tables.read_rows(workspace / part.index, part.first, part.members)
    members = Members(workspace.locate(part.location), part.columns)
    if reading.kind == "glyphs":
        index = as_glyphs(index)
    to_decode = index.filter(pc.is_null(index["outcome"]))
    read, photographs = members.read(to_decode), target / PHOTOGRAPHS
    ids = pc.binary_join_element_wise(part.role, to_decode["class_name"], to_decode["member"], "/").combine_chunks()
    odd: list[list[int]] = [[], []]  # mislabelled and remarked rows, always empty for glyphs
    if reading.kind == "glyphs":
        accepted, gray, failures = glyphs.read_glyphs(read, len(to_decode), reading.side)
    else:
        found = read_photographs(read, ids.to_pylist(), reading, photographs, target / COPIES)
        accepted, gray, failures, *odd = found
    class_names = to_decode["class_name"].combine_chunks()
    kept = class_names.take(pa.array(accepted))
    labels = pc.index_in(kept, value_set=pa.array([*part.labels])).to_numpy().astype(np.int64)
    images = ImageRows(ids.take(pa.array(accepted)), kept, labels, gray)
    write_images(images, target / SHARD)
    _write_samples(members, to_decode.take(pa.array(accepted)), images, reading, photographs, target / SAMPLES)
    refused = refused_members(index, failures, part.role)
    tables.write(refused, target / QUARANTINE)
    conserve(f"load {part}", len(index), len(gray), len(refused))
    of_odd = (class_names.take(pa.array(rows, pa.int64())) for rows in odd)
    counts = _count(part, images, refused, *(Counter(of.to_pylist()) for of in (index["class_name"], *of_odd)))
    sha256 = at(target / SHARD).sha256()
    return {"classes": [asdict(one) for one in counts], "sha256": sha256, DIGESTS: {SHARD: sha256}}


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
            index = index.set_column(index.column_names.index(name), name, pc.if_else(where, value, index[name]))
    return index


def refused_members(index: pa.Table, failures: Mapping[int, UnreadableError], role: Role) -> pa.Table:
    """Return the members that are not images of a shard, sorted by class and name; schema `REFUSED`.

    Some are refused by the index itself. `failures` are keyed by the row among the other members.
    """
    pending = pc.is_null(index["outcome"])
    refused = index.filter(pc.invert(pending)).to_pylist()
    failed = index.filter(pending).take(pa.array([*failures], pa.int64())).to_pylist()
    for row, error in zip(failed, failures.values(), strict=True):
        refused.append(row | {"outcome": "quarantined", "reason": error.reason, "detail": error.detail})
    rows = [{"role": role, "detail": "", "bytes": row["size"]} | row for row in refused]
    rows.sort(key=lambda row: (row["class_name"] or "", row["member"], row["reason"]))
    return pa.Table.from_pylist(rows, REFUSED)


def require_images(archives: Sequence[Archive], shards: Sequence[Shard], workspace: Place) -> None:
    """Raise `DataError` with reasons and an example if no member of a source is an accepted image."""
    for archive in archives:
        own = [shard for shard in shards if shard.role == archive.role]
        if not own or any(shard.rows for shard in own):
            continue
        refused = pa.concat_tables([tables.read(workspace / shard.quarantine) for shard in own])
        reasons = Counter(refused["reason"].to_pylist()).most_common()
        told = ", ".join(f"{count:,} as {reason}" for reason, count in reasons)
        first = refused.filter(pc.equal(refused["reason"], reasons[0][0])).slice(0, 1).to_pylist()[0]
        name = path_of(first["class_name"], first["member"]) + (f" ({first['detail']})" if first["detail"] else "")
        said = f"no image of {archive.role} {archive.name} can be read; left out: {told}."
        raise DataError(f"{said} Look at {name}, or name another source.")


def _write_samples(
    members: Members, index: pa.Table, images: ImageRows, reading: Reading, photographs: Place, target: Place
) -> None:
    """Write a few images of each class for figures, evenly spaced by name.

    Their ``file`` is the file in the source or, for photographs, a thumbnail from the table `photographs`; their
    ``gray`` is the input of models. `index` has the rows of the images.
    """
    rows = _spaced(images.labels)
    ids = images.ids.take(pa.array(rows))
    if reading.kind == "glyphs":
        files = [data for _, data in sorted(members.read(index.take(pa.array(rows))))]
    else:
        seen = thumbnails([photographs], ids.to_pylist())
        files = [seen[name] for name in ids.to_pylist()]
    columns = {
        "id": ids,
        "class_name": images.class_names.take(pa.array(rows)),
        "file": pa.array(files, pa.binary()),
        "gray": pa.array([row.tobytes() for row in as_rows(images.gray[rows])], pa.binary()),
    }
    tables.write(pa.table(columns), target)


def _spaced(labels: Labels) -> RowNumbers:
    """Return evenly spaced rows of each label; the labels are sorted."""
    starts = np.flatnonzero(np.diff(labels, prepend=-1)).tolist()
    spaced = (
        np.unique(np.linspace(first, end - 1, min(OF_A_CLASS, end - first), dtype=np.int64))
        for first, end in pairwise([*starts, len(labels)])
    )
    return np.concatenate([np.empty(0, np.int64), *spaced])


def _count(
    part: Part, images: ImageRows, refused: pa.Table, of_all: Counter[str], of_wrong: Counter[str], of_odd: Counter[str]
) -> Iterator[ClassCounts]:
    """Yield the counts of each class, given the members, the mislabelled and the remarked ones per class."""
    outcomes = Counter((row["class_name"], row["outcome"]) for row in refused.to_pylist())
    ends = np.searchsorted(images.labels, np.arange(len(part.labels)), side="right")
    for name, first, last in zip(part.labels, [0, *ends], ends, strict=False):
        gray = images.gray[first:last]
        yield ClassCounts(
            name, part.labels[name], of_all[name], len(gray), outcomes[name, "quarantined"], outcomes[name, "ignored"],
            of_wrong[name], of_odd[name], gray.size, *glyphs.sums(gray),
        )  # fmt: skip
