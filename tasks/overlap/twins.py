"""Tables of the rows of two splits, each with its best duplicate in the other, and of those whose labels differ.

The best is identical before near, near before merely similar, then the more similar, then the one with the smaller id.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.overlap.images import NOTHING, SEVERAL, UNKNOWN, read_rows, same_images
from tasks.overlap.join import MIRRORED, Join
from tasks.overlap.pairs import Pairs, best_by_class, read_pairs, together
from tasks.overlap.patterns import whole_percent
from tasks.overlap.prints import slices
from tasks.overlap.settled import Given, Settled, settled_by
from tasks.records import Prints
from tasks.records.removed import REMOVED
from tasks.storage import tables
from tasks.storage.place import Place

TWINS = pa.schema(
    {
        "id": pa.string(),
        "class_name": pa.string(),
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "exact": pa.bool_(),
        "near": pa.bool_(),
        "undecided": pa.bool_(),
        "judged": pa.bool_(),
        "jaccard": pa.float64(),
    }
)
VARIANTS = pa.schema(
    {
        "id": pa.string(),
        "class_name": pa.string(),
        "variant": pa.string(),
        "twin_id": pa.string(),
        "twin_class_name": pa.string(),
        "agreement": pa.float64(),
        "percent": pa.int64(),
        "plain_percent": pa.int64(),  # of the row as it is, 100 for an identical image; 0 where it has no match
    }
)
AT_ONCE = 250_000  # rows that are written at a time


def write_twins(join: Join, given: Given, floor: int, target: Place) -> dict[str, Any]:
    """Write the best match of each row of two splits in the other, and return the counts of both directions."""
    settled, _ = settled_by(join, given)
    rows = SplitRows.of(join.first, join.workspace), SplitRows.of(join.second, join.workspace)
    matched = [Direction.of(join, settled, side, rows) for side in (0, 1)]
    names = [prints.split for prints in join.sides]
    counted = []
    for name, other, found, fonts in zip(names, names[::-1], matched, fonts_of(*rows), strict=True):
        found.write(target / f"{name}.parquet")
        write_matched(found.conflicts(), found.rows, found.others, target / f"{name}-conflicts.parquet")
        counted.append({"rows_of": name, "found_in": other, **found.counts(floor), **fonts})
    mirrored = 0
    if join.mirrored:
        seen = read_pairs(join.workspace / given.joined.folder / MIRRORED)
        table, mirrored = variants(matched[join.searched], seen, join.searched, settled.lines[join.searched])
        tables.write(table, target / "variants.parquet")
    return {"directions": counted, "mirrored": mirrored}


class Best(NamedTuple):
    """The best match of each image or row: its image, or `NOTHING`, and what it is."""

    image: RowNumbers
    exact: Mask
    near: Mask
    undecided: Mask
    judged: Mask
    similarity: Floats

    def take(self, some: RowNumbers) -> "Best":
        """Return those of some images."""
        return Best._make(values[some] for values in self)


@dataclass(frozen=True)
class SplitRows:
    """Rows of a split in its order: image, class and place in the order of ids, int64 (n,) each."""

    prints: Prints
    workspace: Place
    image: RowNumbers
    label: RowNumbers
    rank: RowNumbers

    @classmethod
    def of(cls, prints: Prints, workspace: Place) -> "SplitRows":
        """Read the rows of a split."""
        rows = read_rows(prints, workspace, ["label", "rank"])
        image = tables.read(workspace / prints.of_row)["image"].to_numpy()
        return cls(prints, workspace, image, rows["label"].to_numpy(), rows["rank"].to_numpy())

    def examples(self) -> tuple[RowNumbers, RowNumbers]:
        """Return a row of each image, and one of another class; `NOTHING` without any.

        It is the one with the smallest id, or, where some have no label, of those that have one.
        """
        order = np.lexsort((self.rank, self.label == UNKNOWN, self.image))
        first = order[np.flatnonzero(np.diff(self.image[order], prepend=-1))]
        label = self.label[order]
        rest = order[(label != self.label[first][self.image[order]]) & (label != UNKNOWN)]
        second = np.full(len(first), NOTHING)
        starts = np.flatnonzero(np.diff(self.image[rest], prepend=-1))
        second[self.image[rest][starts]] = rest[starts]
        return first, second

    def named(self, rows: RowNumbers) -> tuple[pa.Array, pa.Array]:
        """Return ids and classes of some rows, null for `NOTHING`."""
        wanted = np.unique(rows[rows != NOTHING])
        found = tables.take_rows(self.workspace / self.prints.table, wanted, ["id", "class_name"]).combine_chunks()
        at = pa.array(np.searchsorted(wanted, rows), mask=rows == NOTHING)
        ids, names = (found[name].combine_chunks().take(at) for name in ("id", "class_name"))
        return ids, names


class Matched(NamedTuple):
    """Some rows, each with a match: the row of that, whether it is identical or judged the same, and how similar."""

    row: RowNumbers
    twin: RowNumbers
    exact: Mask
    judged: Mask
    similarity: Floats

    def where(self, some: RowNumbers) -> "Matched":
        """Return some of them."""
        return Matched(self.row[some], self.twin[some], self.exact[some], self.judged[some], self.similarity[some])


@dataclass(frozen=True)
class Direction:
    """The rows of one split and their best matches in another, and of another class; or in the rest of their own."""

    rows: SplitRows
    others: SplitRows
    best: Best
    other: Best

    @classmethod
    def of(cls, join: Join, settled: Settled, side: int, rows: tuple[SplitRows, SplitRows]) -> "Direction":
        """Return the matches of the rows of one side of a join."""
        own = rows[side]
        best, first, second = (found.take(own.image) for found in _best(join, settled, side))
        label = np.append(join.labels[1 - side], SEVERAL)[first.image]  # the last one is that of no image
        differs = (label != own.label) | (label == SEVERAL)
        other = Best._make(np.where(differs, one, two) for one, two in zip(first, second, strict=True))
        labelled = own.label != UNKNOWN
        return cls(own, rows[1 - side], best, other._replace(exact=other.exact & labelled, near=other.near & labelled))

    def conflicts(self) -> Matched:
        """Return the rows that have a duplicate of another class, with the best of these."""
        row = np.flatnonzero(self.other.exact | self.other.near)
        other, (first, second) = self.other.take(row), self.others.examples()
        same = self.others.label[first[other.image]] == self.rows.label[row]
        twin = np.where(same, second[other.image], first[other.image])
        return Matched(row, twin, other.exact, other.judged, other.similarity)

    def write(self, target: Place) -> None:
        """Write a table of schema `TWINS`."""
        first = np.append(self.others.examples()[0], NOTHING)  # the last one is that of no image
        with tables.writer(target, TWINS) as writer:
            for some in slices(len(self.rows.image), AT_ONCE):
                here = np.arange(some.start, some.stop)
                best = self.best.take(here)
                twin = first[best.image]
                columns = [*self.rows.named(here), *self.others.named(twin)]
                columns += [best.exact, best.near, best.undecided, best.judged]
                writer.write_table(pa.table([*columns, pa.array(best.similarity, mask=twin == NOTHING)], schema=TWINS))

    def counts(self, floor: int) -> dict[str, Any]:
        """Return the counts of `tasks.records.Direction`, but those of fonts."""
        best, other = self.best, self.other
        percent = whole_percent(best.similarity)
        return {
            "rows": len(best.image),
            "exact": int(best.exact.sum()),
            "near": int(best.near.sum()),
            "either": int((best.exact | best.near).sum()),
            "undecided": int(best.undecided.sum()),
            "distinct_exact": len(np.unique(best.image[best.exact])),
            "cross_class": int((other.exact | other.near).sum()),
            "by_percent": {p: int(((percent >= p) | best.exact).sum()) for p in range(floor, 101)},
        }


def write_matched(found: Matched, rows: SplitRows, others: SplitRows, target: Place, near: str = "near") -> None:
    """Write a table of schema `REMOVED`, of rows of one split and their matches there or in another."""
    with tables.writer(target, REMOVED) as writer:
        for some in slices(len(found.row), AT_ONCE):
            part = found.where(np.arange(some.start, some.stop))
            (ids, names), (twin_ids, twin_names) = rows.named(part.row), others.named(part.twin)
            own, there = (pa.array([side.prints.split] * len(ids), pa.string()) for side in (rows, others))
            reason = pa.array(np.where(part.exact, "exact", near), pa.string())
            columns = [ids, own, names, reason, part.similarity, twin_ids, there, twin_names, part.judged]
            writer.write_table(pa.table(columns, schema=REMOVED))


def variants(direction: Direction, mirrored: Pairs, side: int, lines: Floats) -> tuple[pa.Table, int]:
    """Return one row per image whose mirrored best match is more similar than its plain one: schema `VARIANTS`.

    What is symmetric matches its own mirror image: that says nothing. With it comes how many rows have a duplicate as
    they look in a mirror alone.
    """
    of, twin = mirrored.ends(side)
    order = np.lexsort((twin, -mirrored.similarity, of))
    order = order[np.flatnonzero(np.diff(of[order], prepend=-1))]
    best = np.full((2, direction.rows.prints.images), -1.0)
    best[:, of[order]] = mirrored.similarity[order], twin[order]
    seen, image = best[0][direction.rows.image], best[1].astype(np.int64)[direction.rows.image]
    plain = np.where(direction.best.image == NOTHING, 0.0, direction.best.similarity)
    at = np.flatnonzero((seen > plain) & ~direction.best.exact & (image != NOTHING))
    twins = direction.others.named(direction.others.examples()[0][image[at]])
    percents = whole_percent(seen[at]), whole_percent(np.maximum(plain[at], 0))
    kind = pa.array(["mirrored"] * len(at), pa.string())
    columns = [*direction.rows.named(at), kind, *twins, seen[at], *percents]
    anew = (seen >= lines[direction.rows.image]) & ~direction.best.exact & ~direction.best.near & (image != NOTHING)
    return pa.table(columns, schema=VARIANTS), int(anew.sum())


def fonts_of(one: SplitRows, two: SplitRows) -> list[dict[str, int]]:
    """Count the rows of either split whose font the other has, whatever the class, and those without a known font."""
    fonts = [read_rows(side.prints, side.workspace, ["font"])["font"].combine_chunks() for side in (one, two)]
    return [
        {
            "same_font": int(pc.sum(pc.is_in(own, value_set=others.drop_null().unique())).as_py() or 0),
            "unknown_font": own.null_count,
        }
        for own, others in zip(fonts, fonts[::-1], strict=True)
    ]


def _best(join: Join, settled: Settled, side: int) -> tuple[Best, Best, Best]:
    """Return the best match of each image of a side, its best labelled one, and the best of another class than that."""
    i, j = same_images(*(join.images(number).digests for number in (0, 1)))
    similar = settled.pairs.both_ways() if join.within else settled.pairs
    pairs = together([Pairs(i, j, np.ones(len(i))), similar])
    exact, times = np.arange(len(pairs.first)) < len(i), 2 if join.within else 1
    duplicate, undecided, judged = (
        np.append(np.zeros(len(i), np.bool_), np.tile(mask, times))
        for mask in (settled.duplicate, settled.undecided, settled.judged)
    )
    of, other = pairs.ends(side)
    weight, labels = pairs.similarity + 4 * exact + 2 * duplicate + undecided, join.labels[1 - side]
    order = np.lexsort((other, -weight, of))
    known = order[labels[other[order]] != UNKNOWN]
    two = known[best_by_class(of[known], other[known], weight[known], labels)]
    is_first = np.diff(of[two], prepend=-1) != 0
    found = []
    for some in (order[np.diff(of[order], prepend=-1) != 0], two[is_first], two[~is_first]):
        count = join.sides[side].images
        none = [np.zeros(count, np.bool_) for _ in range(4)]
        best = Best(np.full(count, NOTHING), none[0], none[1], none[2], none[3], np.full(count, -1.0))
        values = other, exact, duplicate, undecided, judged, pairs.similarity
        for column, value in zip(best, values, strict=True):
            column[of[some]] = value[some]
        found.append(best)
    return found[0], found[1], found[2]
