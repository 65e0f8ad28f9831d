"""Accuracy on raw, sanitized, removed and control rows, with intervals."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from tasks.arrays import Labels, Mask, RowNumbers
from tasks.evaluation.intervals import accuracy
from tasks.records import Score, Training
from tasks.records.removed import is_removed
from tasks.vocabulary import SplitName

OF_BOTH_ARMS = ("raw", "removed")  # subsets that models of both arms are scored on


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
        count = int(taken[rows].sum())
        mask[np.random.default_rng([seed, int(label)]).permutation(rows)[:count]] = True
    return mask
