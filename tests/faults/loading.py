"""Load a whole source as the pipeline does, and account for its members."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tasks.acquire.archive import decompress, is_gzip, read_entries
from tasks.acquire.folder import read_folder
from tasks.acquire.members import write_index
from tasks.images import read_images
from tasks.letters.shard import settled_members, write_shard
from tasks.records import Reading
from tests.build import GLYPHS


@dataclass(frozen=True)
class Account:
    """What became of a source: accepted images by id, and the reason of every other member."""

    accepted: dict[str, bytes]
    refused: dict[str, str]


def load(source: Path, scratch: Path, reading: Reading = GLYPHS) -> Account:
    """Index and decode a source; raises `DataError` when it is refused as a whole."""
    scratch.mkdir(parents=True, exist_ok=True)
    root = source
    if source.is_dir():
        entries = read_folder(source)
    else:
        if is_gzip(source):
            decompress(source, scratch / "archive.tar")
            root = scratch / "archive.tar"
        entries = read_entries(root)
    letters, _, below = write_index(entries, source.name, scratch / "index.parquet")
    if source.is_dir():
        root = source / below
    table = pq.read_table(scratch / "index.parquet")
    accepted: dict[str, bytes] = {}
    refused = {f"{row[1]}/{row[2]}": str(row[4]) for row in settled_members(table, "large") if row[1] is None}
    for number, letter in enumerate(index.letter for index in letters):
        rows = table.filter([name == letter for name in table["letter"].to_pylist()])
        write_shard(root, rows, "large", letter, number, reading, scratch)
        images = read_images([scratch / "shard.parquet"])
        accepted |= {name.as_py(): gray.tobytes() for name, gray in zip(images.ids, images.gray, strict=True)}
        for row in pq.read_table(scratch / "quarantine.parquet").to_pylist():
            refused[f"{row['letter']}/{row['member']}"] = row["reason"]
    return Account(accepted, refused)
