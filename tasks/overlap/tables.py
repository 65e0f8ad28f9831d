"""Rows of splits with their fingerprints, and tables of their twins."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from tasks.overlap.find import Side, Twins
from tasks.overlap.patterns import Patterns
from tasks.overlap.pictures import Pictures
from tasks.storage.copies import Copies
from tasks.vocabulary.arrays import Bits, Floats, Mask, RowNumbers

TWINS = pa.schema(
    {
        "id": pa.string(),
        "class_name": pa.string(),
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "exact": pa.bool_(),
        "jaccard": pa.float64(),
        "percent": pa.int64(),
        "other_id": pa.string(),
        "other_class_name": pa.string(),
        "other_exact": pa.bool_(),
        "other_jaccard": pa.float64(),
        "other_percent": pa.int64(),
        "twins": pa.int64(),
        "crowd": pa.float64(),  # of photographs; see `tasks.overlap.pictures`
    }
)
SAMPLED = 512  # rows that say how alike the bits of a split are
FOUND = pa.schema([*TWINS, pa.field("rank", pa.int64()), pa.field("other_rank", pa.int64())])


class Rows(Protocol):
    """Rows of a split with their fingerprints, in memory or not."""

    @property
    def length(self) -> int:
        """How many bits a row has."""

    @property
    def digests(self) -> Bits:
        """The digests of all rows, uint8 (rows, 16)."""

    @property
    def sample(self) -> Patterns:
        """The bits of some rows that lie evenly among all."""

    def __len__(self) -> int: ...

    def between(self, first: int, stop: int) -> "SplitFingerprints":
        """Return a slice."""

    def take(self, rows: RowNumbers) -> "SplitFingerprints":
        """Return some rows, in their order; a row may be asked for several times."""


def evenly(rows: int) -> RowNumbers:
    """Return the numbers of some rows that lie evenly among all."""
    return np.linspace(0, max(rows - 1, 0), min(SAMPLED, rows)).astype(np.int64)


@dataclass(frozen=True)
class SplitFingerprints:
    """Rows of a split in order, as strings, and as the engine sees them; `length` is that of their bits.

    What stands last only photographs have.
    """

    ids: pa.Array
    class_names: pa.Array
    fonts: pa.Array
    one_colour: Mask
    side: Side
    length: int
    ranks: RowNumbers  # place of each row in the order of the ids of the whole split
    copies: Copies | None = None
    short_sides: RowNumbers | None = None
    pixels: RowNumbers | None = None  # of the original
    bytes: RowNumbers | None = None

    def take(self, rows: RowNumbers) -> "SplitFingerprints":
        """Return some rows, in their order, as a split of their own."""
        at = pa.array(rows)
        numbers = {
            name: None if (values := getattr(self, name)) is None else values[rows]
            for name in ("short_sides", "pixels", "bytes")
        }
        return SplitFingerprints(
            self.ids.take(at),
            self.class_names.take(at),
            self.fonts.take(at),
            self.one_colour[rows],
            self.side.take(rows),
            self.length,
            self.ranks[rows],
            self.copies and self.copies.take(rows),
            **numbers,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def digests(self) -> Bits:
        """The digests of all rows, uint8 (rows, 16)."""
        return self.side.digests

    @property
    def sample(self) -> Patterns:
        """The bits of some rows."""
        return Patterns.of(self.side.bits[evenly(len(self))], self.length)

    def between(self, first: int, stop: int) -> "SplitFingerprints":
        """Return a slice."""
        return self.take(np.arange(first, stop))

    @property
    def pictures(self) -> Pictures:
        """The rows as pictures that can be laid over others."""
        if self.copies is None:
            raise TypeError("glyphs have no copies to lay over each other")
        return Pictures(self.side, self.copies)


def twins_table(
    rows: SplitFingerprints, others: SplitFingerprints, twins: Twins, crowd: Floats | None = None
) -> pa.Table:
    """Return one row per image of a split: its best twin in the other, and its best twin of another class."""
    columns = [rows.ids, rows.class_names]
    for row, exact, jaccard, percent in (
        (twins.row, twins.exact, twins.jaccard, twins.percent),
        (twins.other_row, twins.other_exact, twins.other_jaccard, twins.other_percent),
    ):
        at, similarity = pa.array(row, mask=row < 0), pa.array(jaccard, mask=row < 0)
        columns += [others.ids.take(at), others.class_names.take(at), pa.array(exact), similarity, pa.array(percent)]
    crowd = np.zeros(len(twins.row)) if crowd is None else crowd
    return pa.table([*columns, pa.array(twins.count), pa.array(crowd)], schema=TWINS)


def found_table(
    rows: SplitFingerprints, others: SplitFingerprints, twins: Twins, crowd: Floats | None = None
) -> pa.Table:
    """Return what `twins_table` does for slices of two splits, and the ranks of the twins: schema `FOUND`."""
    ranks = [_ranks(others, row) for row in (twins.row, twins.other_row)]
    return pa.table([*twins_table(rows, others, twins, crowd).columns, *ranks], schema=FOUND)


def _ranks(others: SplitFingerprints, rows: RowNumbers) -> pa.Array:
    return pa.array(others.ranks).take(pa.array(rows, mask=rows < 0))
