"""Decode the members of one class into a Parquet shard; what can't be decoded is listed beside it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b, md5
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks import tables
from tasks.conservation import conserve
from tasks.errors import DataError
from tasks.images import Images, as_rows, read_images, write_images
from tasks.letters import glyph
from tasks.letters.png import UnreadableError, filtered_rows
from tasks.spec import Role

BATCH = 4096  # images that are decoded at once
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
    accepted, gray, failures = decode_members(read_members(source, to_decode), len(to_decode), side)
    names = to_decode["member"].to_pylist()
    ids = pa.array([f"{role}/{letter}/{names[row]}" for row in accepted], pa.string())
    letters, labels = pa.array([letter] * len(ids), pa.string()), np.full(len(ids), label)
    images = Images(ids, letters, labels, gray)
    write_images(images, target / "shard.parquet")
    write_samples(source, to_decode, accepted, images, target / "samples.parquet")
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


def write_samples(source: Path, index: pa.Table, accepted: NDArray[np.int64], images: Images, target: Path) -> None:
    """Write a few images, evenly spaced by name: their ``file`` as it lies in the source, and what became of it.

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
    chosen = index.take(pa.array(accepted[rows]))
    files = dict(read_members(source, chosen))
    gray = as_rows(images.gray[rows])
    columns = {
        "id": images.ids.take(pa.array(rows)),
        "letter": images.letters.take(pa.array(rows)),
        "file": pa.array([files[row] for row in range(len(rows))], pa.binary()),
        "gray": pa.array([row.tobytes() for row in gray], pa.binary()),
    }
    tables.write(pa.table(columns), target)


def settled_members(index: pa.Table, role: Role) -> list[tuple[object, ...]]:
    """Return the quarantine rows of members that the index itself refuses."""
    settled = index.filter(pc.is_valid(index["outcome"])).to_pylist()
    return [(role, row["letter"], row["member"], row["outcome"], row["reason"], "", row["size"]) for row in settled]


def write_quarantine(rows: list[tuple[object, ...]], target: Path) -> None:
    """Write refused members, sorted by letter and name."""
    rows = sorted(rows, key=lambda row: (row[0], row[1] or "", row[2], row[4]))
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in QUARANTINE]
    tables.write(pa.table(columns, schema=QUARANTINE), target)


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
    conserve(f"fingerprint {shard.parent.name}", len(images), *{len(column) for column in columns.values()})
    view = {"view_bits": str(images.gray.shape[1] * images.gray.shape[2])}
    tables.write(pa.table(columns).replace_schema_metadata(view), target)
