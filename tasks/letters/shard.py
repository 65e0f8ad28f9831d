"""Decode the members of one class into a Parquet shard; what can't be decoded is listed beside it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b, md5
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import DataError
from tasks.images import PARQUET, Images, read_images, write_images
from tasks.letters import glyph
from tasks.letters.png import UnreadableError
from tasks.spec import Role

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


def read_members(source: Path, index: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Yield (row of the index, bytes), in the order in which the bytes lie in the source.

    Raises
    ------
    DataError
        When a member is no longer what the index says.
    """
    names, offsets, sizes, digests = (index[c].to_pylist() for c in ("member", "offset", "size", "digest"))
    letters = index["letter"].to_pylist()
    is_folder = source.is_dir()
    descriptor = -1 if is_folder else os.open(source, os.O_RDONLY)
    try:
        for row in sorted(range(len(names)), key=offsets.__getitem__):
            if is_folder:
                data = (source / letters[row] / names[row]).read_bytes()
            else:
                data = os.pread(descriptor, sizes[row], offsets[row])
            if blake2b(data, digest_size=len(digests[row])).digest() != digests[row]:
                raise DataError(f"{letters[row]}/{names[row]} of {source} changed while it was read; start again.")
            yield row, data
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def write_shard(source: Path, index: pa.Table, role: Role, letter: str, label: int, side: int, target: Path) -> Loaded:
    """Write ``shard.parquet`` (sorted by id) and ``quarantine.parquet`` of one class into `target`.

    Parameters
    ----------
    source : Path
        A plain tar, or the folder that holds the class folders.
    index : Table
        The class's rows of the index, sorted by member.
    """
    to_decode = index.filter(pc.is_null(index["outcome"]))
    gray = np.empty((len(to_decode), side, side), np.uint8)
    failures: dict[int, UnreadableError] = {}
    for row, data in read_members(source, to_decode):
        try:
            gray[row] = glyph.decode(data, side)
        except UnreadableError as error:
            failures[row] = error
    accepted = np.setdiff1d(np.arange(len(to_decode)), np.fromiter(failures, np.int64, len(failures)))
    gray = gray[accepted]
    names = to_decode["member"].to_pylist()
    ids = pa.array([f"{role}/{letter}/{names[row]}" for row in accepted], pa.string())
    letters, labels = pa.array([letter] * len(ids), pa.string()), np.full(len(ids), label)
    write_images(Images(ids, letters, labels, gray), target / "shard.parquet")
    refused = settled_members(index, role)
    for row, failure in failures.items():
        size = to_decode["size"][row].as_py()
        entry = (role, letter, names[row], "quarantined", failure.reason, failure.detail, size)
        refused.append(entry)
    write_quarantine(refused, target / "quarantine.parquet")
    quarantined = sum(row[3] == "quarantined" for row in refused)
    mean, std = glyph.mean_and_deviation(gray) if len(gray) else (None, None)
    return Loaded(len(index), len(gray), quarantined, len(refused) - quarantined, mean, std)


def settled_members(index: pa.Table, role: Role) -> list[tuple[object, ...]]:
    """Return the quarantine rows of members that the index itself refuses."""
    settled = index.filter(pc.is_valid(index["outcome"])).to_pylist()
    return [(role, row["letter"], row["member"], row["outcome"], row["reason"], "", row["size"]) for row in settled]


def write_quarantine(rows: list[tuple[object, ...]], target: Path) -> None:
    """Write refused members, sorted by letter and name."""
    rows = sorted(rows, key=lambda row: (row[0], row[1] or "", row[2], row[4]))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in QUARANTINE]
    pq.write_table(pa.table(columns, schema=QUARANTINE), target, **PARQUET)


def write_fingerprints(shard: Path, target: Path) -> None:
    """Write id, ``md5`` of the gray bytes, packed ``bits`` of the view, ``font`` and ``one_colour`` per image.

    The number of bits stands in the schema's metadata as ``view_bits``.
    """
    images = read_images([shard])
    bits = np.ascontiguousarray(glyph.ink_bits(images.gray))
    buffers = [None, pa.py_buffer(bits)]
    members = [name.as_py().split("/", 2)[2] for name in images.ids]
    columns = {
        "id": images.ids,
        "md5": pa.array([md5(image, usedforsecurity=False).digest() for image in images.gray], pa.binary(16)),
        "bits": pa.FixedSizeBinaryArray.from_buffers(pa.binary(bits.shape[1]), len(bits), buffers),
        "font": pa.array([glyph.font_of(member) for member in members], pa.string()),
        "one_colour": pa.array(glyph.one_colour(images.gray)),
    }
    view = {"view_bits": str(images.gray.shape[1] * images.gray.shape[2])}
    pq.write_table(pa.table(columns).replace_schema_metadata(view), target, **PARQUET)
