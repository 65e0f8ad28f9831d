"""Splits of small sets on disk, and all of the overlap stage on them, as its tasks do it but without Prefect."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from tasks.overlap.baseline import measure_baseline
from tasks.overlap.components import matches_of
from tasks.overlap.groups import Grouped, between_kept, group_rows
from tasks.overlap.images import NOTHING
from tasks.overlap.join import Join
from tasks.overlap.minhash import Bands
from tasks.overlap.pairs import Pairs, in_order, read_pairs
from tasks.overlap.pictures import with_more
from tasks.overlap.prints import write_images
from tasks.overlap.search import PAIRS, FoundPairs, write_join
from tasks.overlap.settled import Settled, settle
from tasks.overlap.split_rows import Matched, SplitRows
from tasks.overlap.twins import BestMatches
from tasks.overlap.verdict import judge
from tasks.records import Prints
from tasks.records.overlaps import PRINTS
from tasks.records.verdict import Verdict
from tasks.registration.colours import colours_of
from tasks.registration.forms import facts_of
from tasks.registration.views import BITS, LOWEST, SIDE, VIEWS, comparable_bits
from tasks.storage import tables
from tasks.storage.copies import COPY_SIDE
from tasks.storage.decisions import Decisions
from tasks.storage.place import Place
from tasks.vocabulary import Chains, SplitName, ViewName

Gray = NDArray[np.uint8]
Labels = NDArray[np.int64]


def glyph_split(
    workspace: Path, name: SplitName, bits: NDArray[Any], labels: Labels | None = None, digests: Sequence[bytes] = ()
) -> Prints:
    """Write glyphs, bool (n, length), as a split; equal bits make the same image, unless digests differ."""
    found = list(digests) or [hashlib.md5(row.tobytes(), usedforsecurity=False).digest() for row in bits.astype(bool)]
    return write_split(workspace, name, np.packbits(bits.astype(bool), axis=1), bits.shape[1], found, labels)


def picture_split(
    workspace: Path, name: SplitName, pictures: Sequence[Image.Image], labels: Labels | None = None
) -> Prints:
    """Write pictures as a split, with the copies that the product makes of them."""
    digests = [hashlib.md5(each.tobytes(), usedforsecurity=False).digest() for each in pictures]
    copies = workspace / f"{name}.gray"
    copies.write_bytes(small(pictures, COPY_SIDE).tobytes())
    facts = [each.size for each in pictures], [colours_of(np.asarray(each)) for each in pictures]
    return write_split(
        workspace, name, comparable_bits(small(pictures, SIDE)), BITS, digests, labels, (f"{name}.gray",), *facts
    )


def small(pictures: Sequence[Image.Image], side: int) -> Gray:
    """Return gray copies of pictures."""
    copies = [np.asarray(each.convert("L").resize((side, side), Image.Resampling.BILINEAR)) for each in pictures]
    return np.array(copies, np.uint8).reshape(-1, side, side)


def write_split(
    workspace: Path,
    name: SplitName,
    packed: Gray,
    length: int,
    digests: Sequence[bytes],
    labels: Labels | None,
    copies: tuple[str, ...] = (),
    sizes: Sequence[tuple[int, int]] = (),
    colours: Sequence[bytes] = (),
) -> Prints:
    """Write rows, their fingerprints and their distinct images as the stage does; ids are in the order of rows."""
    count = len(digests)
    labels = np.zeros(count, np.int64) if labels is None else labels
    columns: dict[str, Any] = {
        "id": pa.array([f"{name}/{number:06d}" for number in range(count)], pa.string()),
        "class_name": pa.array([str(label) for label in labels.tolist()], pa.string()),
        "label": pa.array(labels, pa.int64()),
        "rank": pa.array(np.arange(count)),
        "md5": pa.array(digests, pa.binary(16)),
        "bits": tables.binary(packed.reshape(count, -1)) if count else pa.array([], pa.binary(packed.shape[1])),
        "font": pa.nulls(count, pa.string()),
        "one_colour": pa.array(np.zeros(count, np.bool_)),
    }
    if copies:
        ones, numbers = np.ones(count, np.int64), np.arange(count)
        columns |= {"file": pa.array(ones - 1), "copy": pa.array(numbers), "pixels": pa.array(ones)}
        gray = np.fromfile(workspace / copies[0], np.uint8).reshape(-1, COPY_SIDE, COPY_SIDE)
        fine = np.frombuffer(b"".join(colours), np.uint8).reshape(-1, 128)
        texture, framed, inside = facts_of(gray, fine)
        columns |= {"texture": pa.array(texture), "framed": pa.array(framed), "colours": tables.binary(inside)}
        columns |= {"bytes": pa.array(ones), "short_side": pa.array(map(min, sizes), pa.int32())}
        columns["aspect"] = pa.array([width / height for width, height in sizes], pa.float32())
    target = Place.of(workspace) / name
    (workspace / name).mkdir(parents=True, exist_ok=True)
    tables.write(pa.table(columns), target / PRINTS)
    facts = write_images(target, length, photographs=bool(copies))
    return Prints(split=name, rows=count, length=length, folder=name, sha256=(), of=(), copies=copies, **facts)


def matches(folder: Path, train: Sequence[Image.Image], test: Sequence[Image.Image]) -> Pairs:
    """Return the pairs of pictures, by rows, whose agreement is at least the lowest one of duplicates."""
    sides, place = (picture_split(folder, "train", train), picture_split(folder, "test", test)), Place.of(folder)
    join = Join(*sides, place, VIEWS["photo"], percent=86, bands=None, searched=1)
    found = FoundPairs.read(place, write_join(join, (), place)).pairs
    pairs = with_more(join, found, np.full(len(test), LOWEST))
    return by_rows(pairs.where(pairs.similarity >= LOWEST), join)


def by_rows(pairs: Pairs, join: Join) -> Pairs:
    """Return pairs of images as pairs of their first rows, in order."""
    first, second = (SplitRows.of(prints, join.workspace).examples()[0] for prints in join.sides)
    return in_order(Pairs(first[pairs.first], second[pairs.second], pairs.similarity), join.within)


@dataclass(frozen=True)
class Measured:
    """What the stage found of two splits, or of one with itself."""

    join: Join
    verdict: Verdict
    settled: Settled
    facts: dict[str, Any]

    def direction(self, side: int) -> BestMatches:
        """Return the matches of the rows of a side."""
        rows = [SplitRows.of(prints, self.join.workspace) for prints in self.join.sides]
        return BestMatches.of(self.join, self.settled, side, (rows[0], rows[1]))

    def twins(self, side: int) -> list[int]:
        """Return the first row of the best match of each row of a side; -1 without one."""
        direction = self.direction(side)
        twins: list[int] = np.append(direction.others.examples()[0], NOTHING)[direction.best["image"]].tolist()
        return twins

    def duplicates(self, side: int) -> NDArray[np.bool_]:
        """Return which rows of a side have a duplicate in the other."""
        best = self.direction(side).best
        return best["exact"] | best["near"]

    def undecided(self, side: int) -> NDArray[np.bool_]:
        """Return which rows of a side are undecided."""
        return self.direction(side).best["undecided"]

    def groups(self, chains: Chains = "keep") -> Grouped:
        """Return the groups of a split that was compared with itself."""
        rows = SplitRows.of(self.join.first, self.join.workspace)
        return group_rows(self.join, self.settled, rows, np.arange(len(rows.image)), chains)

    def conflicts(self, grouped: Grouped) -> Matched:
        """Return the conflicts inside a split that was compared with itself."""
        found, image = self.direction(0), SplitRows.of(self.join.first, self.join.workspace).image
        return between_kept(found.conflicts(), grouped, self.join, self.settled, image)


def measure(
    workspace: Path,
    first: Prints,
    second: Prints,
    view: ViewName,
    asked: float | None = None,
    bands: Bands | None = None,
    decisions: Decisions | None = None,
    searched: int = 1,
) -> Measured:
    """Compare two splits, or one with itself, judge and settle them."""
    place, own = Place.of(workspace), VIEWS[view]
    percent = round(100 * own.floor)
    within = first == second
    join = Join(first, second, place, own, percent, bands, 0 if within else searched)
    target = place / f"join-{first.split}-{second.split}"
    (workspace / target.name).mkdir(exist_ok=True)
    facts = write_join(join, (), target)
    pairs = read_pairs(target / PAIRS)
    baseline, chained = measure_baseline([join], [pairs], first.split, seed=1)
    images = max(first.images, second.images)
    verdict = judge(matches_of(join, pairs, chained), baseline, own, percent, asked, join.short_side, images)
    settled = settle(join, pairs, verdict, chained, decisions)
    return Measured(replace(join), verdict, settled, facts)
