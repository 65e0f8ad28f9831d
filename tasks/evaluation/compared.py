"""What can be compared: the rows that both arms have, the groups of test rows, and why nothing can be told."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.arrays import AnyArray, Mask, RowNumbers
from tasks.evaluation.arms import has_twin
from tasks.joined import first_with, groups_of
from tasks.records import Overlap, Splits, between
from tasks.storage import tables
from tasks.storage.image_files import iterate_images
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS, SplitName, Unmeasured

SCORED: tuple[SplitName, ...] = ("validation", "test")
FEWEST_GROUPS = 10  # pictures in test with a twin in train, and without one
LEAST_LEFT = 0.5  # of train
LEAST_FOUND = 0.95  # of the near-duplicates, that the search surely finds


def prepare(splits: Splits, overlaps: Sequence[Overlap], workspace: Place, target: Place) -> dict[str, Any]:
    """Write the groups of the scored splits, and return the fields of `tasks.records.Compared` but its folder."""
    for name in SCORED:
        joins = {other: between(overlaps, name, other) for other in SPLITS if other != name}
        found = {other: verified_twins(workspace / join.table(name)) for other, join in joins.items()}
        groups = group_rows([_equal_pixels(splits[name].places(workspace)), *found.values()])
        twins = found["train"] >= 0
        tables.write(pa.table({"group": groups, "has_twin": twins}), target / f"{name}.parquet")
    with_test = between(overlaps, "train", "test")  # groups and twins are now those of test
    usable = int((~has_twin(workspace / with_test.table("train"))).sum())
    reason = unsure(with_test) or why_not(usable, splits.train.rows, twins, groups)
    return {"usable": splits.train.rows if reason else usable, "reason": reason}


def read_groups(table: Place) -> tuple[RowNumbers, Mask]:
    """Return the group of each row of a split, and whether it has a twin in train."""
    columns = tables.read(table)
    return columns["group"].to_numpy(), columns["has_twin"].to_numpy()


def group_rows(keys: Iterable[AnyArray]) -> RowNumbers:
    """Return the number of the group of each row: rows that share a key, and those with which these share another one.

    Rows of a group show one picture, so they are right or wrong together. Each of the `keys` is int64 (n,): rows with
    the same number share something; -1 is nothing.

    >>> group_rows([np.array([0, 0, 1, 2, 3]), np.array([-1, 7, 7, -1, -1])]).tolist()
    [0, 0, 0, 1, 2]
    """
    links = []
    for key in keys:
        shared = np.flatnonzero(key >= 0)
        links.append((shared, shared[first_with(key[shared])]))
    return groups_of(len(key), links)


def _equal_pixels(files: list[Place]) -> RowNumbers:
    """Return a number for each row of a split, the same for rows whose pixels, as stored for training, are equal."""
    digests = [blake2b(image, digest_size=16).digest() for part in iterate_images(files) for image in part.gray]
    return np.unique(np.array(digests, "V16"), return_inverse=True)[1]


def verified_twins(table: Place) -> RowNumbers:
    """Return a number for each row of a split, the same for rows with the same best twin in another; -1 without one."""
    names = tables.read(table, ["twin_id"])["twin_id"].combine_chunks().dictionary_encode().indices
    numbers: RowNumbers = np.where(has_twin(table), names.fill_null(-1).to_numpy().astype(np.int64), -1)
    return numbers


def unsure(found: Overlap) -> Unmeasured | None:
    """Return why what was found in test and train is too uncertain to train without it, or None."""
    of_test = next(one for one in found.directions if one.rows_of == "test")
    if of_test.undecided > of_test.either:
        return "undecided"
    surely = (found.recall and found.recall.low) or 0
    return "missed" if found.method == "minhash" and surely < LEAST_FOUND else None


def why_not(usable: int, train: int, twins: Mask, groups: RowNumbers) -> Unmeasured | None:
    """Return why models with and without twins can't be compared, or None.

    `usable` are the rows of `train` without a twin in test. Of test rows, `twins`, bool (n,), are those with a twin in
    train, and `groups`, int64 (n,), their groups.
    """
    if not twins.any():
        return "no_twins"
    if usable < LEAST_LEFT * train:
        return "little_left"
    if min(len(np.unique(groups[part])) for part in (twins, ~twins)) < FEWEST_GROUPS:
        return "few_rows"
    return None
