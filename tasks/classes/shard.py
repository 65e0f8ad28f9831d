"""Decode the members of one class into a Parquet shard; what can't be decoded is listed beside it."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes import glyphs
from tasks.classes.photographs import read_photographs
from tasks.classes.quarantine import as_glyphs, settled_members, write_quarantine
from tasks.classes.samples import write_samples
from tasks.records import Reading
from tasks.records.conservation import conserve
from tasks.records.inputs import COPIES, PHOTOGRAPHS, QUARANTINE, SAMPLES, SHARD
from tasks.storage.images import Images, write_images
from tasks.storage.members import read_members
from tasks.storage.place import Place
from tasks.vocabulary import Role


@dataclass(frozen=True)
class ShardCounts:
    """What became of the members of one class, and the moments of the normalized pixels."""

    members: int
    rows: int
    quarantined: int
    ignored: int
    mislabelled: int  # accepted, but of another format than the name says
    mean: float | None
    std: float | None


def write_shard(
    source: Place, index: pa.Table, role: Role, class_name: str, label: int, reading: Reading, target: Place
) -> ShardCounts:
    """Write the images (sorted by id), the quarantine and the samples of one class into the folder `target`.

    Photographs get a table of their own, too; see `tasks.classes.photographs`.

    Parameters
    ----------
    source : Place
        A plain tar, or the folder that holds the class folders.
    index : Table
        The class's rows of the index, sorted by member.
    """
    if reading.kind == "glyphs":
        index = as_glyphs(index)
    to_decode = index.filter(pc.is_null(index["outcome"]))
    members, names = read_members(source, to_decode), to_decode["member"].to_pylist()
    every, photographs = [f"{role}/{class_name}/{name}" for name in names], target / PHOTOGRAPHS
    if reading.kind == "glyphs":
        accepted, gray, failures = glyphs.read_glyphs(members, len(to_decode), reading.side)
        mislabelled = 0  # glyphs are PNGs by name and content
    else:
        accepted, gray, failures, mislabelled = read_photographs(members, every, reading, photographs, target / COPIES)
    ids = pa.array([every[row] for row in accepted], pa.string())
    images = Images(ids, pa.array([class_name] * len(ids), pa.string()), np.full(len(ids), label), gray)
    write_images(images, target / SHARD)
    write_samples(source, to_decode, accepted, images, reading, photographs, target / SAMPLES)
    refused = settled_members(index, role)
    for row, failure in failures.items():
        size = to_decode["size"][row].as_py()
        refused.append((role, class_name, names[row], "quarantined", failure.reason, failure.detail, size))
    write_quarantine(refused, target / QUARANTINE)
    conserve(f"load {role} {class_name}", len(index), len(gray), len(refused))
    quarantined = sum(row[3] == "quarantined" for row in refused)
    mean, std = glyphs.mean_and_deviation(gray) if len(gray) else (None, None)
    return ShardCounts(len(index), len(gray), quarantined, len(refused) - quarantined, mislabelled, mean, std)
