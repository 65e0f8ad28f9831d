"""Write tables of the rows of two splits, each with its best match in the other, and of rows with label conflicts.

The best match is identical rather than near, near rather than similar, then more similar, then has the smaller digest.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.arrays import Floats, Mask
from tasks.joined import is_first
from tasks.overlap.images import NOTHING, SEVERAL, UNKNOWN, same_images
from tasks.overlap.join import Join
from tasks.overlap.pairs import Pairs, best_by_class, concatenated, read_pairs
from tasks.overlap.patterns import whole_percent
from tasks.overlap.prints import slices
from tasks.overlap.search import MIRRORED
from tasks.overlap.settled import Settled, settled_by
from tasks.overlap.split_rows import AT_ONCE, Matched, SplitRows, write_matched
from tasks.records import Decided, Joined, Ruling
from tasks.records.overlaps import CLOSE, SAME_SUBJECT
from tasks.storage import Place, tables

TWINS = pa.schema(
    dict.fromkeys(("id", "class_name", "twin_id", "twin_class_name"), pa.string())
    | dict.fromkeys(("exact", "near", "undecided", "judged", "blank"), pa.bool_())
    | {"jaccard": pa.float64()}
)
VARIANTS = pa.schema(  # `plain_percent` is without the variant: 100 for an identical image, 0 without a match
    dict.fromkeys(("id", "class_name", "variant", "twin_id", "twin_class_name"), pa.string())
    | {"agreement": pa.float64(), "percent": pa.int64(), "plain_percent": pa.int64()}
)
# The best match of an image or row: its image, or `NOTHING`, and its properties.
BEST = np.dtype(
    [("image", "i8"), ("exact", "?"), ("near", "?"), ("undecided", "?"), ("judged", "?"), ("similarity", "f8")]
)
Best = NDArray[np.void]  # of dtype `BEST`


def write_twins(join: Join, joined: Joined, ruling: Ruling, decided: Decided | None, target: Place) -> dict[str, Any]:
    """Write the best match of each row of two splits in the other, and return the counts of both directions."""
    settled = settled_by(join, joined, ruling, decided)
    rows = SplitRows.of(join.first, join.workspace), SplitRows.of(join.second, join.workspace)
    matched = [BestMatches.of(join, settled, side, rows) for side in (0, 1)]
    names = [prints.split for prints in join.sides]
    counted = []
    for name, other, found, fonts in zip(names, names[::-1], matched, fonts_of(*rows), strict=True):
        found.write(target / f"{name}.parquet")
        write_matched(found.conflicts(), found.rows, found.others, target / f"{name}-conflicts.parquet")
        counted.append({"rows_of": name, "found_in": other, **found.counts(join.percent), **fonts})
    mirrored = 0
    if join.mirrored:
        seen = read_pairs(join.workspace / joined.folder / MIRRORED).seen_from(join.searched)
        table, mirrored = variants(matched[join.searched], seen, settled.line)
        tables.write(table, target / "variants.parquet")
    subjects = write_subjects(join, joined, settled, rows, target / SAME_SUBJECT) if "close" in joined.facts else 0
    return {"directions": counted, "mirrored": mirrored, "subjects": subjects}


def write_subjects(
    join: Join, joined: Joined, settled: Settled, rows: tuple[SplitRows, SplitRows], target: Place
) -> int:
    """Write the close pairs of embeddings that are neither duplicates nor undecided; return their number."""
    close = read_pairs(join.workspace / joined.folder / CLOSE)
    confirmed = settled.pairs.where(settled.duplicate | settled.undecided)
    seen = close.where(~close.are_in(confirmed)).seen_from(join.searched)
    own, others = rows[join.searched], rows[1 - join.searched]
    row, twin, no = own.examples()[0][seen.first], others.examples()[0][seen.second], np.zeros(len(seen.first), bool)
    write_matched(Matched(row, twin, no, no, seen.similarity), own, others, target, near="same_subject")
    return len(row)


@dataclass(frozen=True)
class BestMatches:
    """The rows of one split, and their best matches overall and of another class, in another split or their own.

    `blank` rows, bool (n,), have no usable fingerprint.
    """

    rows: SplitRows
    others: SplitRows
    best: Best
    other: Best
    blank: Mask

    @classmethod
    def of(cls, join: Join, settled: Settled, side: int, rows: tuple[SplitRows, SplitRows]) -> "BestMatches":
        """Return the matches of the rows on one side of a join."""
        own = rows[side]
        best, first, second = (found[own.image] for found in _best(join, settled, side))
        label = np.append(join.both[1 - side].labels, SEVERAL)[first["image"]]  # the last is for `NOTHING`
        other = np.where((label != own.label) | (label == SEVERAL), first, second)
        for name in ("exact", "near"):
            other[name] &= own.label != UNKNOWN
        return cls(own, rows[1 - side], best, other, join.both[side].patterns.blank[own.image])

    def conflicts(self) -> Matched:
        """Return the rows that have a duplicate of another class, each with the best one."""
        row = np.flatnonzero(self.other["exact"] | self.other["near"])
        other, (first, second) = self.other[row], self.others.examples()
        one, two = first[other["image"]], second[other["image"]]
        twin = np.where(self.others.label[one] == self.rows.label[row], two, one)
        return Matched(row, twin, other["exact"], other["judged"], other["similarity"])

    def write(self, target: Place) -> None:
        """Write a table of schema `TWINS`."""
        first = np.append(self.others.examples()[0], NOTHING)  # the last is for `NOTHING`
        with tables.writer(target, TWINS) as writer:
            for some in slices(len(self.rows.image), AT_ONCE):
                here = np.arange(some.start, some.stop)
                best = self.best[here]
                twin = first[best["image"]]
                columns = [*self.rows.named(here), *self.others.named(twin)]
                columns += [best[name] for name in ("exact", "near", "undecided", "judged")]
                columns.append(self.blank[here])
                columns.append(pa.array(best["similarity"], mask=twin == NOTHING))
                writer.write_table(pa.table(columns, schema=TWINS))

    def counts(self, floor: int) -> dict[str, Any]:
        """Return the counts of `tasks.records.overlaps.Direction`, without fonts."""
        exact, percent = self.best["exact"], whole_percent(self.best["similarity"])
        matched = exact | self.best["near"] | self.best["undecided"]
        return {
            "rows": len(exact),
            "exact": int(exact.sum()),
            "near": int(self.best["near"].sum()),
            "either": int((exact | self.best["near"]).sum()),
            "undecided": int(self.best["undecided"].sum()),
            "blank": int((self.blank & ~matched).sum()),
            "distinct_exact": len(np.unique(self.best["image"][exact])),
            "cross_class": int((self.other["exact"] | self.other["near"]).sum()),
            "by_percent": {p: int(((percent >= p) | exact).sum()) for p in range(floor, 101)},
        }


def variants(direction: BestMatches, mirrored: Pairs, line: Floats) -> tuple[pa.Table, int]:
    """Return one row per image whose best mirrored match is more similar than its plain one: schema `VARIANTS`.

    A symmetric image matches its own mirror image, which is not a finding. Also returns the number of rows with a
    duplicate only as a mirrored image. `line` covers the images.
    """
    rows, best, found = direction.rows, direction.best, mirrored.best()
    seen, image = np.full(len(line), -1.0), np.full(len(line), NOTHING)
    seen[found.first], image[found.first] = found.similarity, found.second
    seen, image = seen[rows.image], image[rows.image]
    plain = np.where(best["image"] == NOTHING, 0.0, best["similarity"])
    inexact = ~best["exact"] & (image != NOTHING)
    at = np.flatnonzero((seen > plain) & inexact)
    twins = direction.others.named(direction.others.examples()[0][image[at]])
    percents = whole_percent(seen[at]), whole_percent(np.maximum(plain[at], 0))
    columns = [*rows.named(at), pa.array(["mirrored"] * len(at), pa.string()), *twins, seen[at], *percents]
    anew = (seen >= line[rows.image]) & inexact & ~best["near"]
    return pa.table(columns, schema=VARIANTS), int(anew.sum())


def fonts_of(one: SplitRows, two: SplitRows) -> list[dict[str, int]]:
    """Count the rows of each split whose font occurs in the other, in any class, and the rows of unknown font."""
    fonts = [tables.read(side.workspace / side.prints.table, ["font"])["font"].combine_chunks() for side in (one, two)]
    return [
        {
            "same_font": pc.sum(pc.is_in(own, value_set=others.drop_null()), min_count=0).as_py(),
            "unknown_font": own.null_count,
        }
        for own, others in zip(fonts, fonts[::-1], strict=True)
    ]


def _best(join: Join, settled: Settled, side: int) -> list[Best]:
    """Return the best match of each image of a side, its best labelled one, and its best of another class."""
    i, j = same_images(*(images.digests for images in join.both))
    seen = settled.pairs.seen_from(side, join.within)
    of, other, similarity = concatenated([Pairs(i, j, np.ones(len(i))).seen_from(side), seen])
    match = np.zeros(len(of), BEST)
    match["image"], match["exact"], match["similarity"] = other, np.arange(len(of)) < len(i), similarity
    for name, mask in (("near", settled.duplicate), ("undecided", settled.undecided), ("judged", settled.judged)):
        match[name][len(i) :] = np.tile(mask, 2 if join.within else 1)
    weight = similarity + 4 * match["exact"] + 2 * match["near"] + match["undecided"]
    order, labels = np.lexsort((other, -weight, of)), join.both[1 - side].labels
    known = order[labels[other[order]] != UNKNOWN]
    two = known[best_by_class(of[known], other[known], weight[known], labels)]
    first = is_first(of[two])
    nothing = np.array((NOTHING, False, False, False, False, -1.0), BEST)
    found = [np.full(join.sides[side].images, nothing) for _ in range(3)]
    for best, some in zip(found, (order[is_first(of[order])], two[first], two[~first]), strict=True):
        best[of[some]] = match[some]
    return found
