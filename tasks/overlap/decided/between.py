"""Twins between two splits as people see them: those judged different are none, those judged the same are twins.

Only rows that a decision is about change. A row whose twin was judged to be another picture is searched for again,
without that pair; a row that was judged the same as another has it as its twin, unless it has one already.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.exact import among
from tasks.overlap.find import Search, find_twins
from tasks.overlap.likeness import Likeness
from tasks.overlap.pictures import find_picture_twins
from tasks.overlap.tables import TWINS, SplitFingerprints, twins_table
from tasks.storage.decisions import JUDGED, Decisions
from tasks.threads import blas_threads
from tasks.views import View
from tasks.vocabulary.arrays import RowNumbers

Redo = Callable[[SplitFingerprints], pa.Table]


@dataclass(frozen=True)
class Settled:
    """Two splits, how they are compared, and what was decided; `percent` is the threshold, `floor` that of tables."""

    one: SplitFingerprints
    two: SplitFingerprints
    view: View
    percent: int
    floor: int
    seed: int
    decisions: Decisions

    def turned(self) -> "Settled":
        """Return the same in the other direction."""
        return Settled(self.two, self.one, self.view, self.percent, self.floor, self.seed, self.decisions)

    def apply(self, table: pa.Table) -> pa.Table:
        """Return the twins of the first split's rows in the second, of schema `TWINS`, as they were decided."""
        return self._with_judged(self._without_different(table))

    def _without_different(self, table: pa.Table) -> pa.Table:
        rows = np.arange(len(table))
        wrong = np.zeros(len(table), np.bool_)
        for name in ("twin_id", "other_id"):
            at = pc.fill_null(pc.index_in(table[name], value_set=self.two.ids), -1).to_numpy()
            some = rows[at >= 0]
            one, other = self.one.side.digests[some], self.two.side.digests[at[some]]
            wrong[some] |= self.decisions.are_different(one, other)
        again = np.flatnonzero(wrong)
        return _replaced(table, again, self._searched(self.one.take(again))) if len(again) else table

    def _searched(self, rows: SplitFingerprints) -> pa.Table:
        if self.view.on_pixels:
            pictures = rows.pictures, self.two.pictures
            found = find_picture_twins(
                *pictures, mirrored=False, bands=None, seed=self.seed, but=self.decisions
            ).of_first
        else:
            search = Search(rows.length, self.floor, None, self.seed)
            found = find_twins(rows.side, self.two.side, search, self.decisions)[0]
        return twins_table(rows, self.two, found)

    def _with_judged(self, table: pa.Table) -> pa.Table:
        mine, theirs = self._judged_pairs()
        if not len(mine):
            return table
        similar = Likeness(self.one, self.two, self.view.on_pixels).of(mine, theirs)
        best = np.lexsort((self.two.side.ranks[theirs], -similar, mine))
        changed: dict[int, dict[str, Any]] = {}
        for at in best.tolist():
            row, twin = int(mine[at]), int(theirs[at])
            said = changed.setdefault(row, table.slice(row, 1).to_pylist()[0])
            name, of = self.two.ids[twin].as_py(), self.two.class_names[twin].as_py()
            for prefix, where in (("twin", ""), ("other", "other_")):
                if prefix == "other" and of == said["class_name"]:
                    continue
                if said[f"{where}exact"] or said[f"{where}percent"] >= self.percent:
                    continue
                said |= {f"{prefix}_id": name, f"{prefix}_class_name": of}
                said |= {f"{where}jaccard": float(similar[at]), f"{where}percent": JUDGED}
        rows = np.array(sorted(changed), np.int64)
        return _replaced(table, rows, pa.Table.from_pylist([changed[row] for row in rows.tolist()], schema=TWINS))

    def _judged_pairs(self) -> tuple[RowNumbers, RowNumbers]:
        """Return the rows of both splits that were judged the same: every row of the first, one of the second."""
        pairs = [pair for both in self.decisions.same_pairs() for pair in (both, both[::-1])]
        own, other = (_rows_with(side, [pair[at] for pair in pairs]) for at, side in ((0, self.one), (1, self.two)))
        found = [
            (row, min(other[theirs], key=self.two.side.ranks.__getitem__))
            for mine, theirs in pairs
            if theirs in other
            for row in own.get(mine, ())
        ]
        rows = np.array(found, np.int64).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]


def settle(settled: Settled, tables: tuple[pa.Table, pa.Table]) -> tuple[pa.Table, pa.Table]:
    """Return the tables of twins of two splits in each other as people see them."""
    with blas_threads(1):
        return settled.apply(tables[0]), settled.turned().apply(tables[1])


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
