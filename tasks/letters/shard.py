"""Decode the members of one class into a Parquet shard; what can't be decoded is listed beside it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks import tables
from tasks.conservation import conserve
from tasks.images import Images, as_rows, read_images, thumbnails, write_images
from tasks.letters import glyph, photo
from tasks.letters.pictures import read_pictures
from tasks.letters.png import UnreadableError, filtered_rows
from tasks.members import read_members
from tasks.records import Reading
from tasks.spec import Role

BATCH = 4096  # images that are decoded at once
MAX_GLYPH_BYTES = 64 << 10
SAMPLES = 20  # images of a class that figures show
QUARANTINE = pa.schema(
    {
        "role": pa.string(),
        "letter": pa.string(),
        "member": pa.string(),
        "outcome": pa.string(),
        "reason": pa.string(),
        "detail": pa.string(),
        "bytes": pa.int64(),
    }
)


@dataclass(frozen=True)
class Loaded:
    """What became of the members of one class."""

    members: int
    rows: int
    quarantined: int
    ignored: int
    mean: float | None
    std: float | None


def write_shard(
    source: Path, index: pa.Table, role: Role, letter: str, label: int, reading: Reading, target: Path
) -> Loaded:
    """Write ``shard.parquet`` (sorted by id) and ``quarantine.parquet`` of one class into `target`.

    Pictures get a ``pictures.parquet``, too; see `tasks.letters.pictures`.

    Parameters
    ----------
    source : Path
        A plain tar, or the folder that holds the class folders.
    index : Table
        The class's rows of the index, sorted by member.
    """
    if reading.kind == "glyphs":
        index = as_glyphs(index)
    to_decode = index.filter(pc.is_null(index["outcome"]))
    names = to_decode["member"].to_pylist()
    members, every = read_members(source, to_decode), [f"{role}/{letter}/{name}" for name in names]
    if reading.kind == "glyphs":
        accepted, gray, failures = decode_members(members, len(to_decode), reading.side)
    else:
        accepted, gray, failures = read_pictures(members, every, reading, target / "pictures.parquet")
    ids = pa.array([every[row] for row in accepted], pa.string())
    letters, labels = pa.array([letter] * len(ids), pa.string()), np.full(len(ids), label)
    images = Images(ids, letters, labels, gray)
    write_images(images, target / "shard.parquet")
    write_samples(source, to_decode, accepted, images, reading, target)
    refused = settled_members(index, role)
    for row, failure in failures.items():
        size = to_decode["size"][row].as_py()
        entry = (role, letter, names[row], "quarantined", failure.reason, failure.detail, size)
        refused.append(entry)
    write_quarantine(refused, target / "quarantine.parquet")
    conserve(f"load {role} {letter}", len(index), len(gray), len(refused))
    quarantined = sum(row[3] == "quarantined" for row in refused)
    mean, std = glyph.mean_and_deviation(gray) if len(gray) else (None, None)
    return Loaded(len(index), len(gray), quarantined, len(refused) - quarantined, mean, std)


def decode_members(
    members: Iterable[tuple[int, bytes]], count: int, side: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8], dict[int, UnreadableError]]:
    """Decode members by row of the index.

    Returns
    -------
    accepted : ndarray
        Rows that were decoded, ascending, int64 (n,).
    gray : ndarray
        Their images, uint8 (n, side, side).
    failures : dict
        Why each of the other rows was not.
    """
    gray, decoded = np.empty((count, side, side), np.uint8), np.zeros(count, np.bool_)
    failures: dict[int, UnreadableError] = {}
    batch: dict[int, bytes] = {}
    for row, data in members:
        try:
            batch[row] = filtered_rows(data, side)
        except UnreadableError as error:
            failures[row] = error
        if len(batch) == BATCH:
            _decode_batch(batch, gray, decoded)
    _decode_batch(batch, gray, decoded)
    accepted = np.flatnonzero(decoded)
    return accepted, gray[accepted], failures


def _decode_batch(batch: dict[int, bytes], gray: NDArray[np.uint8], decoded: NDArray[np.bool_]) -> None:
    if batch:
        rows = list(batch)
        gray[rows], decoded[rows] = glyph.decode(list(batch.values()), gray.shape[1]), True
        batch.clear()


def as_glyphs(index: pa.Table) -> pa.Table:
    """Return the rows of an index with the outcomes that only glyphs have: they are small, and PNGs."""
    pending, big = pc.is_null(index["outcome"]), pc.greater(index["size"], MAX_GLYPH_BYTES)
    no_png = pc.and_(pending, pc.invert(pc.match_substring_regex(index["member"], r"(?i)\.png$")))
    for where, outcome, reason in (
        (no_png, "ignored", "not_png_name"),
        (pc.and_(pc.and_(pending, pc.invert(no_png)), big), "quarantined", "oversize_member"),
        (pc.fill_null(pc.equal(index["reason"], "oversize_file"), False), "quarantined", "oversize_member"),
        (pc.fill_null(pc.equal(index["reason"], "not_image_name"), False), "ignored", "not_png_name"),
    ):
        if pc.any(where).as_py():
            for name, value in (("outcome", outcome), ("reason", reason)):
                column = pc.if_else(where, value, index[name])
                index = index.set_column(index.column_names.index(name), name, column)
    return index


def write_samples(
    source: Path, index: pa.Table, accepted: NDArray[np.int64], images: Images, reading: Reading, folder: Path
) -> None:
    """Write a few images, evenly spaced by name: their ``file`` as it lies in the source, and what became of it.

    Of a picture the file is a thumbnail.

    Parameters
    ----------
    index : Table
        The members that were to be decoded.
    accepted : ndarray
        Rows of the index that were, int64 (n,).
    images : Images
        What they were decoded to, in the same order.
    """
    rows = np.unique(np.linspace(0, len(accepted) - 1, min(SAMPLES, len(accepted)), dtype=np.int64))
    ids = images.ids.take(pa.array(rows))
    if reading.kind == "glyphs":
        read = dict(read_members(source, index.take(pa.array(accepted[rows]))))
        files = [read[row] for row in range(len(rows))]
    else:
        seen = thumbnails([folder / "pictures.parquet"], ids.to_pylist())
        files = [seen[name] for name in ids.to_pylist()]
    gray = as_rows(images.gray[rows])
    columns = {
        "id": ids,
        "letter": images.letters.take(pa.array(rows)),
        "file": pa.array(files, pa.binary()),
        "gray": pa.array([row.tobytes() for row in gray], pa.binary()),
    }
    tables.write(pa.table(columns), folder / "samples.parquet")


def settled_members(index: pa.Table, role: Role) -> list[tuple[object, ...]]:
    """Return the quarantine rows of members that the index itself refuses."""
    settled = index.filter(pc.is_valid(index["outcome"])).to_pylist()
    return [(role, row["letter"], row["member"], row["outcome"], row["reason"], "", row["size"]) for row in settled]


def write_quarantine(rows: list[tuple[object, ...]], target: Path) -> None:
    """Write refused members, sorted by letter and name."""
    rows = sorted(rows, key=lambda row: (row[0], row[1] or "", row[2], row[4]))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in QUARANTINE]
    tables.write(pa.table(columns, schema=QUARANTINE), target)


def write_fingerprints(shard: Path, pictures: Path | None, reading: Reading, target: Path) -> None:
    """Write id, ``md5`` of the pixels, packed ``bits`` of the view, ``font`` and ``one_colour`` per image.

    The number of bits stands in the schema's metadata as ``view_bits``. Pictures whose photo view says too little have
    no bits set; variants that are looked for, too, stand in columns of their names, one behind the other.
    """
    images = read_images([shard])
    if pictures is not None:
        tables.write(_prints_of_pictures(images, pictures, reading), target)
        return
    members = [name.as_py().split("/", 2)[2] for name in images.ids]
    columns = {
        "id": images.ids,
        "md5": pa.array([md5(image, usedforsecurity=False).digest() for image in images.gray], pa.binary(16)),
        "bits": _packed(glyph.ink_bits(images.gray)),
        "font": pa.array([glyph.font_of(member) for member in members], pa.string()),
        "one_colour": pa.array(glyph.one_colour(images.gray)),
    }
    conserve(f"fingerprint {shard.parent.name}", len(images), *{len(column) for column in columns.values()})
    view = {"view_bits": str(images.gray.shape[1] * images.gray.shape[2])}
    tables.write(pa.table(columns).replace_schema_metadata(view), target)


def _prints_of_pictures(images: Images, pictures: Path, reading: Reading) -> pa.Table:
    facts = tables.read(pictures, ["id", "md5", "constant"])
    facts = facts.take(pc.index_in(images.ids, value_set=facts["id"].combine_chunks()))
    columns = {
        "id": images.ids,
        "md5": facts["md5"].combine_chunks(),
        "bits": _packed(_view(images.gray, reading)),
        "font": pa.nulls(len(images), pa.string()),
        "one_colour": facts["constant"].combine_chunks(),
    }
    if "mirrored" in reading.also:
        columns["mirrored"] = _packed(_view(photo.mirrored(images.gray), reading))
    if "shifted" in reading.also:
        columns["shifted"] = _packed(np.concatenate([_view(g, reading) for g in photo.shifted(images.gray)], axis=1))
    conserve(f"fingerprint {pictures.parent.name}", len(images), *{len(column) for column in columns.values()})
    length = photo.BITS if reading.view == "photo" else reading.side**2
    return pa.table(columns).replace_schema_metadata({"view_bits": str(length), "view": reading.view})


def _view(gray: NDArray[np.uint8], reading: Reading) -> NDArray[np.uint8]:
    if reading.view == "ink":
        return glyph.ink_bits(np.ascontiguousarray(gray))
    bits = photo.photo_bits(gray)
    bits[photo.says_too_little(bits)] = 0
    return bits


def _packed(bits: NDArray[np.uint8]) -> pa.Array:
    bits = np.ascontiguousarray(bits)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(bits.shape[1]), len(bits), [None, pa.py_buffer(bits)])
