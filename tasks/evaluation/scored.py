"""The rows that models are scored on: their groups, their subsets with accuracies, and why arms cannot be compared."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.arrays import Labels, Mask, RowNumbers
from tasks.evaluation.intervals import accuracy
from tasks.joined import groups_of, links_of
from tasks.records import Overlap, Score, Splits, Training, between
from tasks.records.removed import is_removed
from tasks.storage import Place, tables
from tasks.storage.image_files import iterate_images
from tasks.vocabulary import SPLITS, SplitName, Unmeasured

OF_BOTH_ARMS = ("raw", "removed")  # subsets that models of both arms are scored on
SCORED: tuple[SplitName, ...] = ("validation", "test")
FEWEST_GROUPS = 10  # of test rows with a duplicate in train, and of test rows without one
LEAST_LEFT = 0.5  # of train
LEAST_FOUND = 0.95  # of the near-duplicates, according to the measured recall


def find_groups(splits: Splits, overlaps: Sequence[Overlap], workspace: Place, target: Place) -> dict[str, Any]:
    """Write the groups of the scored splits; return the fields of `tasks.records.Compared` except its folder."""
    for name in SCORED:
        joins = {other: between(overlaps, name, other) for other in SPLITS if other != name}
        found = {other: verified_twins(workspace / join.table(name)) for other, join in joins.items()}
        # Rows that show the same, directly or through other rows, are right or wrong together.
        parts = iterate_images(splits[name].places(workspace))
        pixels = [blake2b(image, digest_size=16).digest() for part in parts for image in part.gray]
        equal = np.unique(np.array(pixels, "V16"), return_inverse=True)[1]
        groups = groups_of(splits[name].rows, map(links_of, [equal, *found.values()]))
        twins = found["train"] >= 0
        tables.write(pa.table({"group": groups, "has_twin": twins}), target / f"{name}.parquet")
    with_test = between(overlaps, "train", "test")  # the loop leaves the groups and twins of test
    usable = int((~has_twin(workspace / with_test.table("train"))).sum())
    reason = unsure(with_test) or why_not(usable, splits.train.rows, twins, groups)
    return {"usable": splits.train.rows if reason else usable, "reason": reason}


def read_groups(table: Place) -> tuple[RowNumbers, Mask]:
    """Return the group of each row of a split, and whether the row has a duplicate in train."""
    columns = tables.read(table)
    return columns["group"].to_numpy(), columns["has_twin"].to_numpy()


def has_twin(twins: Place) -> Mask:
    """Return, for each row of a split, whether it has a duplicate in the other."""
    table = tables.read(twins, ["exact", "near"])
    return pc.or_(table["exact"], table["near"]).to_numpy()


def verified_twins(table: Place) -> RowNumbers:
    """Return a number per row of a split, shared by rows with the same best duplicate in another; -1 without one."""
    names = tables.read(table, ["twin_id"])["twin_id"].combine_chunks().dictionary_encode().indices
    return np.where(has_twin(table), names.fill_null(-1).to_numpy().astype(np.int64), -1)


def unsure(found: Overlap) -> Unmeasured | None:
    """Return why the overlap of test and train is too uncertain to train without it, or None."""
    of_test = next(one for one in found.directions if one.rows_of == "test")
    if of_test.undecided > of_test.either:
        return "undecided"
    surely = (found.recall and found.recall.low) or 0
    return "missed" if found.method == "minhash" and surely < LEAST_FOUND else None


def why_not(usable: int, train: int, twins: Mask, groups: RowNumbers) -> Unmeasured | None:
    """Return why models with and without duplicates cannot be compared, or None.

    `usable` is the number of rows of train without a duplicate in test, `train` that of all. For test rows, `twins`,
    bool (n,), is whether a row has a duplicate in train, and `groups`, int64 (n,), is its group.
    """
    if not twins.any():
        return "no_twins"
    if usable < LEAST_LEFT * train:
        return "little_left"
    if min(len(np.unique(groups[part])) for part in (twins, ~twins)) < FEWEST_GROUPS:
        return "few_rows"
    return None


def score_split(
    trainings: Sequence[Training],
    name: SplitName,
    answers: Sequence[pa.Table],
    groups: RowNumbers,
    removed: pa.Table,
    seed: int,
) -> list[list[Score]]:
    """Return the accuracies of trained models on the subsets of one split, one list per model.

    `answers` are each model's answers for the rows of the split, `groups` the group of each row, int64 (n,), `removed`
    the removed rows of all splits; `seed` decides the control subset.
    """
    labels = answers[0]["label"].to_numpy()
    masks = dict(subsets(answers[0]["id"].combine_chunks(), labels, removed, seed))
    scores: list[list[Score]] = []
    for training, answered in zip(trainings, answers, strict=True):
        right = (labels == answered["predicted"].to_numpy()).astype(np.float64)
        about = training.model, training.rows, training.seed, training.arm
        scores.append([])
        for subset, mask in masks.items():
            if training.arm == "with_twins" or subset in OF_BOTH_ARMS:
                interval = accuracy(right[mask], groups[mask]) if mask.any() else (None, None, None)
                scores[-1].append(Score(*about, f"{name}_{subset}", int(mask.sum()), *interval))
    return scores


def subsets(ids: pa.Array, labels: Labels, removed: pa.Table, seed: int) -> Iterator[tuple[str, Mask]]:
    """Yield the names and rows of the subsets of a split that models are scored on.

    ``raw`` has all rows; ``exact`` and ``near`` are without exact, and without exact and near duplicates; ``removed``
    are the rows that ``near`` lacks; ``random`` is a control of the same size and classes as ``near``.
    """
    near = is_removed(ids, removed, ("exact", "near"))
    yield "raw", np.ones(len(ids), np.bool_)
    yield "exact", ~is_removed(ids, removed, ("exact",))
    yield "near", ~near
    yield "removed", near
    yield "random", ~as_many_per_class(labels, near, seed)


def as_many_per_class(labels: Labels, taken: Mask, seed: int) -> Mask:
    """Return a random mask that selects as many rows of each class as `taken`.

    >>> mask = as_many_per_class(np.array([0, 0, 1, 1]), np.array([True, False, False, False]), seed=0)
    >>> int(mask[:2].sum()), int(mask[2:].sum())
    (1, 0)
    """
    mask = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        mask[np.random.default_rng([seed, int(label)]).permutation(rows)[: int(taken[rows].sum())]] = True
    return mask
