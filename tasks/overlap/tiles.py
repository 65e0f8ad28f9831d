"""Compare two splits tile by tile: a slice of one with a slice of the other, so that memory is bounded.

Where slices end does not depend on the machine, and tiles merge exactly; see `tasks.overlap.merge`.
"""

import math
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.overlap.bands import Bands
from tasks.overlap.find import Search, Side, Twins, find_twins
from tasks.overlap.mirrored import MIRRORED, mirrored_table
from tasks.overlap.pictures import find_picture_twins
from tasks.overlap.proposals import is_affordable
from tasks.overlap.recall import SAMPLE_ROWS, RecallCounts, counted, sampled
from tasks.overlap.search import Method
from tasks.overlap.tables import Rows, SplitFingerprints, found_table
from tasks.storage import disk, tables
from tasks.storage.place import Place
from tasks.views import View
from tasks.vocabulary import SplitName

SLICE = 250_000  # glyphs of either split
SEARCHED, AMONG = 25_000, 1_000_000  # photographs that are searched for, and those that they are searched in
IN_FULL = 3_000  # that are searched for where all pairs are compared, and nothing is signed anew for each tile


Slices = tuple[range, range]  # rows of both sides of a tile


def slices(rows: int, size: int) -> list[range]:
    """Cut rows into slices of a size: one, where there are none.

    >>> slices(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, rows)) for start in range(0, max(rows, 1), max(size, 1))]


def searched_at_once(rows: int, others: int, bands: Bands | None) -> int:
    """Return how many of some photographs a tile searches for among others: equally many in each."""
    most = SEARCHED if bands and not is_affordable(rows * others) else IN_FULL
    return -(-rows // max(1, -(-rows // most)))


@dataclass(frozen=True)
class Join:
    """Two splits to be joined, and how.

    Attributes
    ----------
    names, sides
        Of the two splits.
    view : View
    search : Search
    searched : int
        Number of the one that may lose rows to the other: of photographs, candidates are sought for its rows.
    mirrored : bool
        Search for photographs also as they look in a mirror.
    """

    names: tuple[SplitName, SplitName]
    sides: tuple[Rows, Rows]
    view: View
    search: Search
    searched: int = 1
    mirrored: bool = False

    @property
    def tiles(self) -> list[Slices]:
        """The tiles, all that meet a slice of the first split one behind the other."""
        return list(product(self.slices(0), self.slices(1)))

    def slices(self, side: int) -> list[range]:
        """Return the slices that one of the splits is cut into: one, where either has no rows."""
        rows, others = len(self.sides[side]), len(self.sides[1 - side])
        size = SLICE
        if self.view.on_pixels:
            size = searched_at_once(rows, others, self.search.bands) if side == self.searched else AMONG
        return slices(rows, size if rows and others else rows)


@dataclass(frozen=True)
class Compared:
    """What a tile found.

    `tables` are of schema `FOUND`, for the rows of both slices; of photographs, `mirrored` are the twins in a mirror.
    `recall` is that of MinHash, where it was asked.
    """

    tables: tuple[pa.Table, pa.Table]
    mirrored: pa.Table | None = None
    recall: RecallCounts | None = None

    def table(self, side: int) -> pa.Table:
        """Return the twins of the rows of one slice."""
        return self.tables[side]

    def write(self, target: Place) -> dict[str, Any]:
        """Write it into a folder; return the rest, for JSON."""
        disk.make_folder(target)
        for side, table in enumerate(self.tables):
            tables.write(table, target / f"{side}.parquet")
        if self.mirrored is not None:
            tables.write(self.mirrored, target / MIRRORED)
        return {"recall": self.recall and asdict(self.recall)}


@dataclass(frozen=True)
class StoredTile:
    """What a tile found and wrote; see `Compared`."""

    folder: Place
    result: dict[str, Any]

    def table(self, side: int) -> pa.Table:
        """Return the twins of the rows of one slice."""
        return tables.read(self.folder / f"{side}.parquet")

    @property
    def mirrored(self) -> pa.Table | None:
        """Twins in a mirror, if they were asked for."""
        return tables.read(self.folder / MIRRORED) if disk.exists(self.folder / MIRRORED) else None

    @property
    def recall(self) -> RecallCounts | None:
        """What MinHash found, where it was asked."""
        return RecallCounts.from_json(self.result["recall"]) if self.result["recall"] else None


def compare(join: Join, first: range, second: range, method: Method) -> Compared:
    """Find the twins of two slices in each other, of glyphs as `method` says.

    Where all pairs are compared, MinHash is asked beside it, in the first tile alone: signing all rows of large splits
    takes longer than comparing them. Where MinHash is the method, what it misses is measured on a sample of the second
    split's rows.
    """
    one, two = (side.between(rows.start, rows.stop) for side, rows in zip(join.sides, (first, second), strict=True))
    if join.view.on_pixels:
        return _pictures(join, one, two)
    everything, recall = replace(join.search, bands=None), None
    if method == "minhash":
        found = find_twins(one.side, two.side, join.search)
        rows = sampled(len(join.sides[1]), join.search.seed)
        rows = rows[(rows >= second.start) & (rows < second.stop)] - second.start
        truth, _ = find_twins(two.side.take(rows), one.side, everything)
        recall = counted(truth, found[1].row[rows])
    else:
        found = find_twins(one.side, two.side, everything)
        if join.search.bands and first.start == second.start == 0:
            recall = _asked(join.search, (one.side, two.side), found)
    tables_of = found_table(one, two, found[0]), found_table(two, one, found[1])
    return Compared(tables_of, recall=recall)


def _asked(search: Search, sides: tuple[Side, Side], found: tuple[Twins, Twins]) -> RecallCounts:
    """Ask MinHash for the twins of those rows that have any: it verifies its pairs, so of others it names none."""
    rows = [np.flatnonzero(twins.row >= 0) for twins in found]
    asked = find_twins(sides[0].take(rows[0]), sides[1].take(rows[1]), search)
    named = [np.full(len(side), -1) for side in sides]
    for here, there in ((0, 1), (1, 0)):
        has = asked[here].row >= 0
        named[here][rows[here][has]] = rows[there][asked[here].row[has]]
    return counted(found[0], named[0]) + counted(found[1], named[1])


def _pictures(join: Join, one: SplitFingerprints, two: SplitFingerprints) -> Compared:
    rows, others = (one, two) if join.searched == 0 else (two, one)
    search, pairs = join.search, math.prod(map(len, join.sides))
    sample = math.ceil(SAMPLE_ROWS * len(rows) * len(others) / max(pairs, 1))  # of this tile
    found = find_picture_twins(rows.pictures, others.pictures, join.mirrored, search.bands, search.seed, pairs, sample)
    both = [found_table(rows, others, found.of_first, found.crowd), found_table(others, rows, found.of_second)]
    seen = None if found.mirrored is None else mirrored_table(rows, others, found.of_first, found.mirrored)
    of_first, of_second = both if join.searched == 0 else both[::-1]
    return Compared((of_first, of_second), seen, found.recall)
