"""Draw balanced, disjoint, shuffled splits from the class shards of two sources."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.errors import DataError, UsageError
from tasks.records import ClassShard
from tasks.records.spec import PrepareSpec
from tasks.vocabulary import SPLITS, SplitName
from tasks.vocabulary.arrays import RowNumbers

DEFAULT_PER_CLASS = {"train": 20_000, "validation": 1_000, "test": 1_000}
VALIDATION_SHARE = 21  # as in the course: 1,000 of 21,000 rows of a class of `large` are validation


@dataclass(frozen=True)
class Sizes:
    """Rows per class of each split, and a line for the user when the sizes were chosen for them."""

    train: int
    validation: int
    test: int
    notes: tuple[str, ...]


def sizes_per_class(spec: PrepareSpec, shards: Sequence[ClassShard]) -> Sizes:
    """Settle the sizes of the splits.

    Raises
    ------
    DataError
        When a class has no readable image.
    UsageError
        When the data can't give what was asked for. Names the largest possible size.
    """
    classes = len({shard.class_name for shard in shards})
    large, small = (min((s for s in shards if s.role == role), key=lambda s: s.rows) for role in ("large", "small"))
    for smallest in (large, small):
        if not smallest.rows:
            raise DataError(
                f"class {smallest.class_name} of {smallest.role} has no readable image; {smallest.quarantine} in the "
                "workspace says why."
            )
    asked = {name: None if (n := getattr(spec, name)) is None else n // classes for name in SPLITS}
    test = asked["test"] if asked["test"] is not None else min(DEFAULT_PER_CLASS["test"], small.rows)
    validation = asked["validation"]
    if validation is None:
        room = large.rows - (asked["train"] or 0)
        validation = max(0, min(DEFAULT_PER_CLASS["validation"], large.rows // VALIDATION_SHARE, room))
    train = asked["train"]
    if train is None:
        train = min(DEFAULT_PER_CLASS["train"], large.rows - validation)
    if test > small.rows or test < 1:
        raise UsageError(_too_many("test", test, small, small.rows, classes))
    if train + validation > large.rows or train < 1:
        what = "train" if asked["validation"] is None else "train and validation together"
        raise UsageError(_too_many(what, train + validation, large, large.rows, classes))
    notes = [
        f"{name} {count * classes:,} rows, chosen from the data; --{name} sets it"
        for name, count in (("train", train), ("validation", validation), ("test", test))
        if asked[name] is None  # type: ignore[index]
    ]
    return Sizes(train, validation, test, tuple(notes))


def draw(shards: Sequence[ClassShard], sizes: Sizes, seed: int) -> dict[SplitName, RowNumbers]:
    """Draw the rows of each split.

    Parameters
    ----------
    shards : sequence of ClassShard
        Of both sources.
    sizes : Sizes
    seed : int
        Every draw has a generator of its own, so no result depends on the order of work.

    Returns
    -------
    dict
        Split name to an array of shape (rows, 2): number of the shard in `shards`, row of the shard.
    """
    parts: dict[SplitName, list[RowNumbers]] = {name: [] for name in SPLITS}
    for number, shard in enumerate(shards):
        order = np.random.default_rng([seed, shard.role == "small", shard.label]).permutation(shard.rows)
        if shard.role == "large":
            cuts: dict[SplitName, RowNumbers] = {
                "validation": order[: sizes.validation],
                "train": order[sizes.validation : sizes.validation + sizes.train],
            }
        else:
            cuts = {"test": order[: sizes.test]}
        for name, rows in cuts.items():
            parts[name].append(np.column_stack([np.full(len(rows), number), rows]))
    return {
        name: np.random.default_rng([seed, 2, place]).permutation(np.concatenate(parts[name]))
        for place, name in enumerate(SPLITS)
    }


def take_all(shards: Sequence[ClassShard]) -> dict[SplitName, RowNumbers]:
    """Return every row of every shard under the split that its role names; see `draw`."""
    rows: dict[SplitName, RowNumbers] = {}
    for name in SPLITS:
        numbers = [number for number, shard in enumerate(shards) if shard.role == name]
        parts = [np.column_stack([np.full(shards[n].rows, n), np.arange(shards[n].rows)]) for n in numbers]
        rows[name] = np.concatenate([np.empty((0, 2), np.int64), *parts])
    return rows


def _too_many(what: str, asked: int, smallest: ClassShard, possible: int, classes: int) -> str:
    return (
        f"{what} can have at most {possible * classes:,} rows, not {asked * classes:,}: "
        f"class {smallest.class_name} of {smallest.role} has {possible:,} images."
    )
