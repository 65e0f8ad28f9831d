"""Look up the fingerprints of a split's rows once, and read them by slices, by rows, or by columns.

The table has a row per row of the split: ``id``, ``class_name``, ``label``, ``rank`` (place in the order of ids), and
the columns of `tasks.classes.fingerprints`; of photographs also ``file``, the number of the file with the gray copy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.find import Side
from tasks.overlap.patterns import Patterns
from tasks.overlap.tables import SplitFingerprints, evenly
from tasks.overlap.tiles import slices
from tasks.records import Drawn, Fingerprints, Prints
from tasks.records.conservation import conserve
from tasks.records.overlaps import PRINTS, SAMPLE
from tasks.storage import disk, tables
from tasks.storage.copies import Copies
from tasks.storage.place import Place
from tasks.storage.shuffle import deal_out
from tasks.vocabulary.arrays import Bits, Mask, RowNumbers

DEALT = "dealt"
PIECE = 50_000  # rows of a row group, or fewer at the end of a file of the split
NOT_OURS = -1  # number of a table that no row of the split is looked up in
TEXTS = ["class_name", "font"]  # columns whose values repeat


def prints_of(split: Drawn, fingerprints: Sequence[Fingerprints]) -> list[Fingerprints]:
    """Return the fingerprints of the shards that a split's rows come from."""
    found = [each for each in fingerprints if each.role in split.drawn_from]
    return found or list(fingerprints)  # an audit without validation has no rows of it to look up


def write_prints(split: Drawn, fingerprints: Sequence[Fingerprints], workspace: Place, target: Place) -> dict[str, Any]:
    """Write the fingerprints of a split's rows, in memory for a piece of them and all numbers; return the bits' length.

    Parameters
    ----------
    split : Drawn
    fingerprints : sequence of Fingerprints
        Of all shards, in the order in which the split counts their rows.
    workspace, target : Place
    """
    numbers = tables.read(workspace / split.numbers)
    own = prints_of(split, fingerprints)
    sizes = [len(some) for place in split.places(workspace) for some in slices(tables.count(place), PIECE)]
    pieces = [numbers.slice(first, size) for first, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False)]
    piece = deal_out(
        lambda number: _numbered(fingerprints[number], own, workspace),
        [tables.count(workspace / each.table) for each in fingerprints],
        [some["row"].to_numpy() for some in pieces],
        target / DEALT,
    )
    parts = (
        _beside(rows.append_column("rank", some["rank"]), piece(number), split)
        for number, (some, rows) in enumerate(zip(pieces, _pieces_of(split, workspace), strict=True))
    )
    first = next(parts)
    with tables.writer(target / PRINTS, first.schema, use_dictionary=TEXTS) as writer:
        writer.write_table(first)
        for part in parts:
            writer.write_table(part)
    disk.remove(target / DEALT)
    tables.write(tables.take_rows(target / PRINTS, evenly(len(numbers)), ["bits"]), target / SAMPLE)
    return {"length": int(first.schema.metadata[b"view_bits"])}


def _pieces_of(split: Drawn, workspace: Place) -> Iterator[pa.Table]:
    for place in split.places(workspace):
        rows = tables.read(place, ["id", "class_name", "label"])
        for some in slices(len(rows), PIECE):
            yield rows[some.start : some.stop]


def _numbered(fingerprints: Fingerprints, own: Sequence[Fingerprints], workspace: Place) -> pa.Table:
    table = tables.read(workspace / fingerprints.table)
    number = own.index(fingerprints) if fingerprints in own else NOT_OURS
    return table.append_column("file", pa.array(np.full(len(table), number)))


def _beside(rows: pa.Table, found: pa.Table, split: Drawn) -> pa.Table:
    same = pc.sum(pc.equal(rows["id"], found["id"])).as_py() or 0
    conserve(f"fingerprints of {split.name}", len(rows), same)  # else rows would be alike that are not
    table = rows
    for name in found.column_names[1:]:
        table = table.append_column(name, found[name])
    return table.combine_chunks().replace_schema_metadata(found.schema.metadata)


@dataclass(frozen=True)
class StoredRows:
    """The rows of a split with their fingerprints, read when they are asked for."""

    prints: Prints
    workspace: Place

    def __len__(self) -> int:
        return self.prints.rows

    @property
    def length(self) -> int:
        """How many bits a row has."""
        return self.prints.length

    @property
    def digests(self) -> Bits:
        """The digests of all rows, uint8 (rows, 16)."""
        return tables.bytes_of(tables.read(self._table, ["md5"])["md5"])

    @property
    def sample(self) -> Patterns:
        """The bits of some rows that lie evenly among all."""
        bits = tables.bytes_of(tables.read(self.workspace / self.prints.sample)["bits"])
        return Patterns.of(bits, self.length)

    def all(self) -> SplitFingerprints:
        """Return every row."""
        return self._of(tables.read(self._table))

    def between(self, first: int, stop: int) -> SplitFingerprints:
        """Return a slice."""
        return self._of(tables.read_rows(self._table, first, stop - first))

    def take(self, rows: RowNumbers) -> SplitFingerprints:
        """Return some rows, in their order; a row may be asked for several times."""
        wanted, back = np.unique(rows, return_inverse=True)
        found = self._of(tables.take_rows(self._table, wanted))
        return found if np.array_equal(wanted, rows) else found.take(back)

    def column(self, name: str) -> pa.Array:
        """Return a column of all rows."""
        return tables.read(self._table, [name])[name].combine_chunks()

    def slices(self, name: str) -> Iterator[pa.Array]:
        """Yield a column, some rows at a time."""
        with tables.opened(self._table) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, [name])[name].combine_chunks()

    def blank(self) -> int:
        """Return how many rows have no bit set, or all: their bits say nothing of what they show."""
        return sum(_blank(tables.bytes_of(pa.chunked_array([bits])), self.length) for bits in self.slices("bits"))

    @property
    def _table(self) -> Place:
        return self.workspace / self.prints.table

    def _of(self, table: pa.Table) -> SplitFingerprints:
        ranks = table["rank"].to_numpy()
        order = np.empty(len(ranks), np.int64)
        order[np.argsort(ranks)] = np.arange(len(ranks))
        side = Side(tables.bytes_of(table["md5"]), tables.bytes_of(table["bits"]), table["label"].to_numpy(), order)
        ids, class_names, fonts = (table[name].combine_chunks() for name in ("id", "class_name", "font"))
        one_colour: Mask = table["one_colour"].to_numpy()
        rows = SplitFingerprints(ids, class_names, fonts, one_colour, side, self.length, ranks)
        if not self.prints.copies:
            return rows
        files = [self.workspace / file for file in self.prints.copies]
        copies = Copies(files, table["file"].to_numpy(), table["copy"].to_numpy())
        sizes = {name: table[name].to_numpy() for name in ("pixels", "bytes")}
        return replace(rows, copies=copies, short_sides=table["short_side"].to_numpy(), **sizes)


def _blank(bits: Bits, length: int) -> int:
    counts = np.bitwise_count(bits).sum(axis=1, dtype=np.int64)
    return int(((counts == 0) | (counts == length)).sum())
