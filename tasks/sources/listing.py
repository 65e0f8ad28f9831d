"""Members of a source as columns, which take a fifth of the memory of Python objects."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.addresses import printable
from tasks.arrays import Mask, RowNumbers
from tasks.errors import DataError
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.archive import DIGEST_BYTES, Entry
from tasks.sources.layout import METADATA, is_metadata

SCHEMA = pa.schema(
    {
        "folder": pa.int32(),  # number of one of the folders
        "name": pa.string(),  # last part of the path
        "kind": pa.string(),
        "offset": pa.int64(),
        "size": pa.int64(),
        "digest": pa.binary(DIGEST_BYTES),
        "group": pa.string(),
    }
)
ABSOLUTE = re.compile(r"/|\\\\|[A-Za-z]:([/\\]|\Z)")  # paths, on Windows too
AT_ONCE = 1 << 12  # members to hold as Python objects at a time


@dataclass(frozen=True)
class Listing:
    """The members of a source: its name, for messages, its folders, and a row of schema `SCHEMA` per member."""

    source: str
    folders: Sequence[str]
    table: pa.Table
    of_rows: bool = False  # whether labels are folders in these names, so that none is metadata

    def __len__(self) -> int:
        return len(self.table)

    @property
    def folder(self) -> RowNumbers:
        """Number of the folder of each member, int64 (n,)."""
        return self.table["folder"].to_numpy().astype(np.int64)

    @property
    def bytes(self) -> int:
        """Size of all members."""
        return pc.sum(self.table["size"], min_count=0).as_py()

    def named(self, endings: Iterable[str]) -> Mask:
        """Return which members are files with one of these extensions, in any case."""
        pattern = f"({'|'.join(map(re.escape, endings))})$"
        found = pc.match_substring_regex(self.table["name"], pattern, ignore_case=True).to_numpy()
        return found & pc.equal(self.table["kind"], "file").to_numpy()

    @property
    def is_metadata(self) -> Mask:
        """Return which members are metadata of an operating system, by their names."""
        if self.of_rows:
            return np.zeros(len(self), np.bool_)
        return pc.match_substring_regex(self.table["name"], METADATA).to_numpy()

    @property
    def with_images(self) -> set[str]:
        """The folders with files that are named like images, without metadata."""
        at = self.folder[self.named(IMAGE_ENDINGS) & ~self.is_metadata]
        folders = (self.folders[number] for number in np.unique(at).tolist())
        return {folder for folder in folders if self.of_rows or not is_metadata(folder)}

    def entries(self) -> Iterator[Entry]:
        """Yield the members one by one."""
        for batch in self.table.to_batches(AT_ONCE):
            for row in batch.to_pylist():
                folder = self.folders[row["folder"]]
                name = f"{folder}/{row['name']}" if folder else row["name"]
                yield Entry(name, row["kind"], row["offset"], row["size"], row["digest"] or b"", row["group"])


def list_members(entries: Iterable[Entry], source: str, of_rows: bool = False) -> Listing:
    """Return members with names as valid text; raises `DataError` when a name points outside the source."""
    entries = (page for entry in entries for page in (_pages(entry) if entry.pages else (entry,)))
    numbers: dict[str, int] = {}  # of folders
    parts = [_batch(batch, numbers, source) for batch in iter(lambda: list(islice(entries, AT_ONCE)), [])]
    return Listing(source, list(numbers), pa.Table.from_batches(parts, SCHEMA), of_rows)


def _pages(entry: Entry) -> list[Entry]:
    """Return the pages of a file, named like ``x#2.tif``, or the file if its name does not say TIFF or DICOM."""
    stem, _, ending = entry.name.rpartition(".")
    has_pages = entry.kind == "file" and IMAGE_ENDINGS.get(f".{ending.lower()}") in ("TIFF", "DICOM")
    numbers = range(1, entry.pages + 1 if has_pages else 1)
    return [entry._replace(name=f"{stem}#{number}.{ending}", pages=0) for number in numbers] or [entry]


def _batch(entries: list[Entry], numbers: dict[str, int], source: str) -> pa.RecordBatch:
    paths, kinds, offsets, sizes, digests, groups, _ = zip(*entries, strict=True)
    parts = [path.rpartition("/") for path in paths]
    clean = {folder: _clean(folder, source) for folder in dict.fromkeys(folder for folder, _, _ in parts)}
    folders = [numbers.setdefault(clean[folder], len(numbers)) for folder, _, _ in parts]
    names = [_clean(name, source) for _, _, name in parts]
    found = [folders, names, kinds, offsets, sizes, [digest or None for digest in digests], groups]
    arrays = [pa.array(column, field.type) for column, field in zip(found, SCHEMA, strict=True)]
    return pa.record_batch(arrays, SCHEMA)


Placed = tuple[str, int, Listing]  # the folder above the members, the start of their offsets, and the members


def combined(listings: Iterable[Placed], source: str) -> Listing:
    """Concatenate listings as a single source."""
    numbers: dict[str, int] = {}
    tables = []
    for below, start, listing in listings:
        folders = [f"{below}{folder}".rstrip("/") for folder in listing.folders]
        new = np.array([numbers.setdefault(folder, len(numbers)) for folder in folders], np.int32)
        folder = pa.array(new[listing.folder] if len(listing) else np.empty(0, np.int32))
        table = listing.table.set_column(0, SCHEMA.field(0), folder)
        tables.append(table.set_column(3, SCHEMA.field(3), pc.add(table["offset"], start)))
    return Listing(source, list(numbers), pa.concat_tables([SCHEMA.empty_table(), *tables]))


def _clean(name: str, source: str) -> str:
    if ABSOLUTE.match(name) or ".." in name.replace("\\", "/").split("/"):
        raise DataError(f"{source} has the member {name!r}, which points out of the archive; check its origin.")
    text = name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "/".join(part for part in printable(text).split("/") if part not in ("", "."))
