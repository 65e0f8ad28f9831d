"""Load a whole source as the pipeline does, and account for its members."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tasks.classes.shard import build_shard, refused_members
from tasks.records import Archive, Reading
from tasks.sources.index import write_index
from tasks.sources.listing import list_members
from tasks.sources.opening import read_folder
from tasks.sources.packed import decompress, packing_of
from tasks.sources.pieces import parts_of
from tasks.storage.image_files import read_images
from tasks.storage.place import Place
from tests.build import GLYPHS, read_entries


@dataclass(frozen=True)
class Account:
    """What became of a source: accepted images by id, and the reason of every other member."""

    accepted: dict[str, bytes]
    refused: dict[str, str]


def load(source: Path, scratch: Path, reading: Reading = GLYPHS) -> Account:
    """Index and decode a source; raises `DataError` when it is refused as a whole."""
    scratch.mkdir(parents=True, exist_ok=True)
    root, target = Place.of(source), Place.of(scratch)
    if source.is_dir():
        entries = read_folder(root)
    else:
        if packing := packing_of(root):
            decompress(root, target / "archive.tar", packing)
            root = target / "archive.tar"
        entries = read_entries(root)
    pieces, outside, below = write_index(list_members(entries, source.name), target / "index.parquet")
    if source.is_dir():
        root = Place.of(source / below)
    archive = Archive(
        "large", source.name, str(root), bytes=0, columns={},
        index="index.parquet", sha256="", pieces=tuple(pieces), outside=outside,
    )  # fmt: skip
    table = pq.read_table(scratch / "index.parquet")
    accepted: dict[str, bytes] = {}
    settled = refused_members(table, {}, "large").to_pylist()
    refused = {f"None/{row['member']}": str(row["reason"]) for row in settled if row["class_name"] is None}
    for part in parts_of(archive, list(archive.members), reading):
        build_shard(part, reading, target, target)
        images = read_images([target / "shard.parquet"])
        accepted |= {name.as_py(): gray.tobytes() for name, gray in zip(images.ids, images.gray, strict=True)}
        for row in pq.read_table(scratch / "quarantine.parquet").to_pylist():
            refused[f"{row['class_name']}/{row['member']}"] = row["reason"]
    return Account(accepted, refused)
