"""Twins between two splits as people see them: those judged different are none, those judged the same are twins.

Only rows that a decision is about change. A row whose twin was judged to be another picture is searched for again,
without that pair; a row that was judged the same as another has it as its twin, unless it has one already.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.exact import among
from tasks.overlap.find import Search, find_twins
from tasks.overlap.likeness import Likeness
from tasks.overlap.merge import better
from tasks.overlap.pictures import find_picture_twins
from tasks.overlap.tables import TWINS, Rows, SplitFingerprints, found_table
from tasks.overlap.tiles import AMONG, SLICE, slices
from tasks.storage import tables
from tasks.storage.decisions import JUDGED, Decisions
from tasks.storage.place import Place
from tasks.threads import blas_threads
from tasks.views import View
from tasks.vocabulary.arrays import RowNumbers


@dataclass(frozen=True)
class Settled:
    """Two splits, how they are compared, and what was decided; `percent` is the threshold, `floor` that of tables."""

    one: Rows
    two: Rows
    view: View
    percent: int
    floor: int
    seed: int
    decisions: Decisions

    def turned(self) -> "Settled":
        """Return the same in the other direction."""
        return Settled(self.two, self.one, self.view, self.percent, self.floor, self.seed, self.decisions)

    def write(self, twins: Place, target: Place) -> None:
        """Write the twins of the first split's rows in the second, a table of schema `TWINS`, as they were decided."""
        rows = self._named(self.one)
        table = tables.take_rows(twins, rows)
        own, others = self.one.take(rows), self.two.take(self._named(self.two))
        with blas_threads(1):
            table = self._with_judged(self._without_different(table, own, others), own, others)
        with tables.writer(target, TWINS) as writer:
            for some in slices(len(self.one), SLICE):
                part = tables.read_rows(twins, some.start, len(some))
                here = slice(*np.searchsorted(rows, [some.start, some.stop]))
                writer.write_table(_replaced(part, rows[here] - some.start, table[here]).combine_chunks())

    def _named(self, side: Rows) -> RowNumbers:
        """Return the rows that a decision names."""
        return np.flatnonzero(among(side.digests, [digest for pair in self.decisions.by_pair for digest in pair]))

    def _without_different(self, table: pa.Table, own: SplitFingerprints, others: SplitFingerprints) -> pa.Table:
        rows = np.arange(len(table))
        wrong = np.zeros(len(table), np.bool_)
        for name in ("twin_id", "other_id"):
            at = pc.fill_null(pc.index_in(table[name], value_set=others.ids), -1).to_numpy()
            some = rows[at >= 0]
            one, other = own.side.digests[some], others.side.digests[at[some]]
            wrong[some] |= self.decisions.are_different(one, other)
        again = np.flatnonzero(wrong)
        return _replaced(table, again, self._searched(own.take(again))) if len(again) else table

    def _searched(self, rows: SplitFingerprints) -> pa.Table:
        """Search for some rows in all of the second split, a slice after the other."""
        return reduce(better, self._found(rows)).select(TWINS.names)

    def _found(self, rows: SplitFingerprints) -> Iterator[pa.Table]:
        for some in slices(len(self.two), AMONG if self.view.on_pixels else SLICE):
            others = self.two.between(some.start, some.stop)
            if self.view.on_pixels:
                pictures = rows.pictures, others.pictures
                found = find_picture_twins(*pictures, mirrored=False, bands=None, seed=self.seed, but=self.decisions)
                yield found_table(rows, others, found.of_first)
            else:
                search = Search(rows.length, self.floor, None, self.seed)
                yield found_table(rows, others, find_twins(rows.side, others.side, search, self.decisions)[0])

    def _with_judged(self, table: pa.Table, own: SplitFingerprints, others: SplitFingerprints) -> pa.Table:
        mine, theirs = self._judged_pairs(own, others)
        if not len(mine):
            return table
        similar = Likeness(own, others, self.view.on_pixels).of(mine, theirs)
        best = np.lexsort((others.side.ranks[theirs], -similar, mine))
        changed: dict[int, dict[str, Any]] = {}
        for at in best.tolist():
            row, twin = int(mine[at]), int(theirs[at])
            said = changed.setdefault(row, table.slice(row, 1).to_pylist()[0])
            name, of = others.ids[twin].as_py(), others.class_names[twin].as_py()
            for prefix, where in (("twin", ""), ("other", "other_")):
                if prefix == "other" and of == said["class_name"]:
                    continue
                if said[f"{where}exact"] or said[f"{where}percent"] >= self.percent:
                    continue
                said |= {f"{prefix}_id": name, f"{prefix}_class_name": of}
                said |= {f"{where}jaccard": float(similar[at]), f"{where}percent": JUDGED}
        rows = np.array(sorted(changed), np.int64)
        return _replaced(table, rows, pa.Table.from_pylist([changed[row] for row in rows.tolist()], schema=TWINS))

    def _judged_pairs(self, own: SplitFingerprints, others: SplitFingerprints) -> tuple[RowNumbers, RowNumbers]:
        """Return the rows of both splits that were judged the same: every row of the first, one of the second."""
        pairs = [pair for both in self.decisions.same_pairs() for pair in (both, both[::-1])]
        mine_of, theirs_of = (_rows_with(side, [pair[at] for pair in pairs]) for at, side in ((0, own), (1, others)))
        found = [
            (row, min(theirs_of[theirs], key=others.side.ranks.__getitem__))
            for mine, theirs in pairs
            if theirs in theirs_of
            for row in mine_of.get(mine, ())
        ]
        rows = np.array(found, np.int64).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]


def _rows_with(side: SplitFingerprints, digests: Sequence[bytes]) -> dict[bytes, list[int]]:
    """Return the rows that have each of some digests."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for row in np.flatnonzero(among(side.side.digests, digests)).tolist():
        found[side.side.digests[row].tobytes()].append(row)
    return dict(found)


def _replaced(table: pa.Table, rows: RowNumbers, by: pa.Table) -> pa.Table:
    order = np.arange(len(table))
    order[rows] = len(table) + np.arange(len(rows))
    return pa.concat_tables([table, by]).take(pa.array(order))
