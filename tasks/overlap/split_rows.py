"""The rows of a split as numbers, and tables of rows with a match."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.joined import is_first
from tasks.overlap.images import NOTHING, UNKNOWN
from tasks.overlap.pairs import best_by_class
from tasks.overlap.prints import slices
from tasks.records import Prints
from tasks.records.removed import REMOVED
from tasks.storage import Place, tables
from tasks.vocabulary import Keep

AT_ONCE = 250_000  # rows to write at a time


@dataclass(frozen=True)
class SplitRows:
    """Rows of a split in its order: image, class and position in the order of ids, int64 (n,) each."""

    prints: Prints
    workspace: Place
    image: RowNumbers
    label: RowNumbers
    rank: RowNumbers

    @classmethod
    def of(cls, prints: Prints, workspace: Place) -> "SplitRows":
        """Read the rows of a split."""
        rows = tables.read(workspace / prints.table, ["label", "rank"])
        image = tables.read(workspace / prints.of_row)["image"].to_numpy()
        return cls(prints, workspace, image, rows["label"].to_numpy(), rows["rank"].to_numpy())

    def examples(self) -> tuple[RowNumbers, RowNumbers]:
        """Return one row of each image, and one of another class, or `NOTHING`.

        It is the row with the smallest id among the labelled rows, or among all rows if none has a label.
        """
        order = np.lexsort((self.rank, self.label == UNKNOWN, self.image))
        two = order[best_by_class(self.image[order], order, -np.arange(float(len(order))), self.label)]
        is_best = is_first(self.image[two])
        second = np.full(int(is_best.sum()), NOTHING)
        second[self.image[two[~is_best]]] = two[~is_best]
        return two[is_best], second

    def preferred(self, keep: Keep) -> RowNumbers:
        """Return the rank of each row by preference: more pixels, more bytes, smaller id; or by id only."""
        keys = [self.rank]
        if keep == "largest" and self.prints.copies:
            sizes = tables.read(self.workspace / self.prints.table, ["pixels", "bytes"])
            keys += [-sizes["bytes"].to_numpy(), -sizes["pixels"].to_numpy()]
        return np.argsort(np.lexsort(keys))

    def named(self, rows: RowNumbers) -> tuple[pa.Array, pa.Array]:
        """Return ids and classes of some rows, null for `NOTHING`."""
        wanted = np.unique(rows[rows != NOTHING])
        found = tables.take_rows(self.workspace / self.prints.table, wanted, ["id", "class_name"]).combine_chunks()
        at = pa.array(np.searchsorted(wanted, rows), mask=rows == NOTHING)
        ids, names = (found[name].combine_chunks().take(at) for name in ("id", "class_name"))
        return ids, names


class Matched(NamedTuple):
    """Rows, each with a matching row, whether it is identical or judged the same, and the similarity."""

    row: RowNumbers
    twin: RowNumbers
    exact: Mask
    judged: Mask
    similarity: Floats

    def where(self, some: RowNumbers | slice) -> "Matched":
        """Return some of them."""
        return Matched._make(values[some] for values in self)


def write_matched(found: Matched, rows: SplitRows, others: SplitRows, target: Place, near: str = "near") -> None:
    """Write a table of schema `REMOVED` with rows of one split and their matches in the same split or another."""
    with tables.writer(target, REMOVED) as writer:
        for some in slices(len(found.row), AT_ONCE):
            part = found.where(slice(some.start, some.stop))
            (ids, names), (twin_ids, twin_names) = rows.named(part.row), others.named(part.twin)
            own, there = (pa.array([side.prints.split] * len(ids), pa.string()) for side in (rows, others))
            reason = pa.array(np.where(part.exact, "exact", near), pa.string())
            columns = [ids, own, names, reason, part.similarity, twin_ids, there, twin_names, part.judged]
            writer.write_table(pa.table(columns, schema=REMOVED))
