"""Tables of the rows of two splits, each with its best duplicate in the other, and their counts.

The best is identical before near, near before merely similar, then the more similar, then the one with the smaller id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.overlap.images import NOTHING, SEVERAL, read_rows, same_images
from tasks.overlap.join import MIRRORED, Join
from tasks.overlap.pairs import Pairs, best_two, read_pairs, together
from tasks.overlap.patterns import whole_percent
from tasks.overlap.prints import slices
from tasks.overlap.settled import Given, Settled, settled_by
from tasks.records import Prints
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

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
        "other_id": pa.string(),
        "other_class_name": pa.string(),
        "other_exact": pa.bool_(),
        "other_near": pa.bool_(),
        "other_judged": pa.bool_(),
        "other_jaccard": pa.float64(),
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

    def unless(self, some: Mask, others: "Best") -> "Best":
        """Return these, but the others where `some` says so."""
        return Best._make(np.where(some, theirs, own) for own, theirs in zip(self, others, strict=True))


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
        """Return the row with the smallest id of each image, and of those of another class; `NOTHING` without any."""
        order = np.lexsort((self.rank, self.image))
        first = order[np.flatnonzero(np.diff(self.image[order], prepend=-1))]
        second, rest = np.full(len(first), NOTHING), order[self.label[order] != self.label[first][self.image[order]]]
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


@dataclass(frozen=True)
class Direction:
    """The rows of one split and their best matches in another, and of another class."""

    rows: SplitRows
    others: SplitRows
    best: Best
    other: Best

    @classmethod
    def of(cls, join: Join, settled: Settled, side: int, rows: tuple[SplitRows, SplitRows]) -> "Direction":
        """Return the matches of the rows of one side of a join."""
        best, other = _best(join, settled, side)
        own = rows[side]
        known = best.image != NOTHING
        label = np.where(known, join.labels[1 - side][best.image] if len(join.labels[1 - side]) else SEVERAL, SEVERAL)
        differs = (label[own.image] != own.label) | (label[own.image] == SEVERAL)
        return cls(
            own, rows[1 - side], best.take(own.image), other.take(own.image).unless(differs, best.take(own.image))
        )

    def write(self, target: Place) -> None:
        """Write a table of schema `TWINS`."""
        with tables.writer(target, TWINS) as writer:
            for table in self._tables():
                writer.write_table(table)

    def _tables(self) -> Iterator[pa.Table]:
        first, second = self.others.examples()
        for some in slices(len(self.rows.image), AT_ONCE):
            here = np.arange(some.start, some.stop)
            best, other = self.best.take(here), self.other.take(here)
            twin = np.where(best.image == NOTHING, NOTHING, _at(first, best.image))
            third = _at(first, other.image)
            same = (third != NOTHING) & (_at(self.others.label, third) == self.rows.label[here])
            theirs = np.where(other.image == NOTHING, NOTHING, np.where(same, _at(second, other.image), third))
            columns = [*self.rows.named(here), *self.others.named(twin)]
            columns += [best.exact, best.near, best.undecided, best.judged]
            columns += [pa.array(best.similarity, mask=twin == NOTHING), *self.others.named(theirs)]
            columns += [other.exact, other.near, other.judged, pa.array(other.similarity, mask=theirs == NOTHING)]
            yield pa.table(columns, schema=TWINS)

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
            "conflicts_exact": int(other.exact.sum()),
            "conflicts_near": int(other.near.sum()),
            "by_percent": {p: int(((percent >= p) | best.exact).sum()) for p in range(floor, 101)},
        }


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


def _best(join: Join, settled: Settled, side: int) -> tuple[Best, Best]:
    """Return the best match of each image of a side, and its best one of another class than that."""
    digests = [join.images(number).digests for number in (0, 1)]
    i, j = same_images(*digests)
    pairs = together([Pairs(i, j, np.ones(len(i))), settled.pairs])
    exact = np.arange(len(pairs.first)) < len(i)
    flags = [np.append(np.zeros(len(i), np.bool_), mask) for mask in (settled.duplicate, settled.undecided)]
    judged = np.append(np.zeros(len(i), np.bool_), settled.judged)
    of, other = pairs.ends(side)
    weight = pairs.similarity + 4 * exact + 2 * flags[0] + flags[1]
    kept = np.flatnonzero(best_two(of, other, weight, join.labels[1 - side]))
    kept = kept[np.lexsort((other[kept], -weight[kept], of[kept]))]
    is_first = np.diff(of[kept], prepend=-1) != 0
    found = []
    for some in (kept[is_first], kept[~is_first]):
        count = join.sides[side].images
        none = [np.zeros(count, np.bool_) for _ in range(4)]
        best = Best(np.full(count, NOTHING), none[0], none[1], none[2], none[3], np.full(count, -1.0))
        values = other, exact, flags[0], flags[1], judged, pairs.similarity
        for column, value in zip(best, values, strict=True):
            column[of[some]] = value[some]
        found.append(best)
    return found[0], found[1]


def _at(values: RowNumbers, numbers: RowNumbers) -> RowNumbers:
    """Return values by numbers, `NOTHING` where the number is."""
    if not len(values):
        return np.full(len(numbers), NOTHING)
    return np.where(numbers == NOTHING, NOTHING, values[numbers])
