"""Draw balanced, disjoint, shuffled splits from the classes of two sources, and write drawn rows as splits.

`draw_as_course` reproduces the draw of the notMNIST course's notebook, and so its published figures: one legacy
generator serves all draws in its order, over names sorted without regard to case.

Each split has a table with the origin of its rows, so that fingerprints are found without comparing ids: ``row``
is the number of a row over all shards, ``rank`` its position in the order of ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import RowNumbers
from tasks.errors import DataError, UsageError
from tasks.records import Shard
from tasks.records.conservation import conserve
from tasks.records.spec import PrepareSpec
from tasks.records.splits import RAW
from tasks.storage import Place, disk, tables
from tasks.storage.image_files import read_ids
from tasks.storage.images import of_table, per_file, write_split
from tasks.storage.shuffle import deal_out
from tasks.vocabulary import SPLITS, Role, SplitName

DEFAULT_PER_CLASS = {"train": 20_000, "validation": 1_000, "test": 1_000}
VALIDATION_SHARE = 21  # as in the course: 1,000 of 21,000 rows per class of `large` are validation
DEALT = "dealt"  # folder of rows on their way from shards to splits
Sizes = dict[SplitName, int]  # rows per class


@dataclass(frozen=True)
class ClassRange:
    """The consecutive rows of a class of a source, numbered over all shards."""

    role: Role
    class_name: str
    label: int
    first: int
    rows: int


def class_ranges(shards: Sequence[Shard]) -> list[ClassRange]:
    """Return the ranges of all classes of all sources; a class in several shards is one range."""
    counts = [(shard.role, one) for shard in shards for one in shard.classes]
    ranges, first = list[ClassRange](), 0
    for (role, name), same in groupby(counts, lambda pair: (pair[0], pair[1].class_name)):
        own = [one for _, one in same]
        ranges.append(ClassRange(role, name, own[0].label, first, sum(one.rows for one in own)))
        first += ranges[-1].rows
    return ranges


def sizes_per_class(spec: PrepareSpec, ranges: Sequence[ClassRange]) -> tuple[Sizes, list[str]]:
    """Return the rows per class of each split, and a note for the user about each chosen size.

    Raises `DataError` when a class has no readable image, and `UsageError` with the largest possible size when the data
    are too few.
    """
    classes = len({one.class_name for one in ranges})
    large, small = (min((r for r in ranges if r.role == role), key=lambda r: r.rows) for role in ("large", "small"))
    for smallest in (large, small):
        if not smallest.rows:
            raise DataError(f"class {smallest.class_name} of {smallest.role} has no readable image; remove it.")
    asked = {name: None if (n := getattr(spec, name)) is None else n // classes for name in SPLITS}
    train, validation, test = asked.values()
    if test is None:
        test = min(DEFAULT_PER_CLASS["test"], small.rows)
    if validation is None:
        room = large.rows - (train or 0)
        validation = max(0, min(DEFAULT_PER_CLASS["validation"], large.rows // VALIDATION_SHARE, room))
    if train is None:
        train = min(DEFAULT_PER_CLASS["train"], large.rows - validation)
    if test > small.rows or test < 1:
        raise UsageError(_too_many("test", test, small, classes))
    if train + validation > large.rows or train < 1:
        what = "train" if asked["validation"] is None else "train and validation together"
        raise UsageError(_too_many(what, train + validation, large, classes))
    sizes: Sizes = {"train": train, "validation": validation, "test": test}
    chosen = {name: count for name, count in sizes.items() if asked[name] is None}
    return sizes, [f"{name} {n * classes:,} rows, chosen from the data; --{name} sets it" for name, n in chosen.items()]


def draw(ranges: Sequence[ClassRange], sizes: Sizes, seed: int) -> dict[SplitName, RowNumbers]:
    """Return the rows of each split, numbered over all shards, int64 (rows,).

    `ranges` cover both sources. Every draw has its own generator, so the result does not depend on the order of work.
    """
    parts: dict[SplitName, list[RowNumbers]] = {name: [] for name in SPLITS}
    for one in ranges:
        _cut(one, np.random.default_rng([seed, one.role == "small", one.label]).permutation(one.rows), sizes, parts)
    return shuffled({name: np.concatenate(parts[name]) for name in SPLITS}, seed)


def draw_as_course(ranges: Sequence[ClassRange], sizes: Sizes, ids: pa.Array) -> dict[SplitName, RowNumbers]:
    """Draw the rows of each split as the course does; see `draw`. `ids` are the ids of the rows of all shards."""
    random = np.random.RandomState(133)  # legacy, on purpose, with the seed of the course
    parts: dict[SplitName, list[RowNumbers]] = {name: [] for name in SPLITS}
    for one in sorted(ranges, key=lambda one: one.role):  # all of large first
        order = pc.array_sort_indices(pc.utf8_lower(ids.slice(one.first, one.rows))).to_numpy().astype(np.int64)
        random.shuffle(order)
        _cut(one, order, sizes, parts)
    joined = {name: np.concatenate(parts[name]) for name in SPLITS}
    in_order: tuple[SplitName, ...] = ("train", "test", "validation")
    return {name: joined[name][random.permutation(len(joined[name]))] for name in in_order}


def shuffled(rows: dict[SplitName, RowNumbers], seed: int) -> dict[SplitName, RowNumbers]:
    """Return the rows of each split in random order."""
    return {name: np.random.default_rng([seed, 2, place]).permutation(rows[name]) for place, name in enumerate(SPLITS)}


def take_all(ranges: Sequence[ClassRange]) -> dict[SplitName, RowNumbers]:
    """Return every row under the split of its role; see `draw`."""
    rows = {name: [np.arange(one.first, one.first + one.rows) for one in ranges if one.role == name] for name in SPLITS}
    return {name: np.concatenate([np.empty(0, np.int64), *own]) for name, own in rows.items()}


def _cut(one: ClassRange, order: RowNumbers, sizes: Sizes, parts: dict[SplitName, list[RowNumbers]]) -> None:
    """Add the rows of one class to the splits, where `order` numbers its rows from 0 on."""
    rows = one.first + order
    if one.role == "small":
        parts["test"].append(rows[: sizes["test"]])
    else:
        validation, train, _ = np.split(rows, [sizes["validation"], sizes["validation"] + sizes["train"]])
        parts["validation"].append(validation)
        parts["train"].append(train)


def _too_many(what: str, asked: int, smallest: ClassRange, classes: int) -> str:
    return (
        f"{what} can have at most {smallest.rows * classes:,} rows, not {asked * classes:,}: "
        f"class {smallest.class_name} of {smallest.role} has {smallest.rows:,} images."
    )


def write_splits(
    shards: Sequence[Shard], drawn: dict[SplitName, RowNumbers], classes: Sequence[str], workspace: Place, target: Place
) -> dict[str, Any]:
    """Read each shard once, and write every split with its rows in the given order.

    `drawn` has the rows of each split, numbered over all shards, int64 (n,), none twice. Returns for each split the
    facts that `tasks.storage.images.write_split` returns, and the name of the file of its ``numbers``.
    """
    names = pa.array(classes, pa.string())

    def labelled(number: int) -> pa.Table:
        table = tables.read(workspace / shards[number].images)
        labels = pc.index_in(table["class_name"], value_set=names).cast(pa.int64())
        return table.set_column(table.column_names.index("label"), "label", labels)

    files = [(name, rows) for name in SPLITS for rows in per_file(drawn[name])]
    piece = deal_out(labelled, [shard.rows for shard in shards], [rows for _, rows in files], target / DEALT)
    conserve("draw splits", sum(map(len, drawn.values())), len(np.unique(np.concatenate([*drawn.values()]))))

    ids, written = read_ids(workspace / shard.images for shard in shards), dict[str, Any]()
    for name in SPLITS:
        pieces = [lambda n=n: of_table(piece(n)) for n, (split, _) in enumerate(files) if split == name]
        written[name] = write_split(pieces, name, classes, target / RAW)
        conserve(f"draw {name}", len(drawn[name]), written[name]["rows"])
        written[name]["numbers"] = f"{name}-numbers.parquet"
        rows = pa.array(drawn[name], pa.int64())
        rank = pc.subtract(pc.rank(ids.take(rows), tiebreaker="first").cast(pa.int64()), 1)
        tables.write(pa.table({"row": rows, "rank": rank}), target / written[name]["numbers"], use_dictionary=False)
    disk.remove(target / DEALT)
    return written
