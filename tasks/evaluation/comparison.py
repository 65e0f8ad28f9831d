"""Compare the arms of every model and size."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from tasks.evaluation.bootstrap import Bootstrap
from tasks.records import Effect, Evaluation
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.vocabulary import CONTROLS
from tasks.vocabulary.arrays import Floats, Mask


def compare_arms(evaluations: Sequence[Evaluation], kept: Mask, bootstrap: Bootstrap, workspace: Place) -> list[Effect]:
    """Return an effect for every model, size and comparison, with nulls where there is nothing.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        All arms and seeds of a model and size side by side.
    kept : ndarray
        bool (rows,): test rows that sanitizing leaves.
    bootstrap : Bootstrap
        Over the test rows.
    workspace : Place
    """
    effects: list[Effect] = []
    for (model, rows), group in groupby(evaluations, lambda e: (e.training.model, e.training.rows)):
        arms = right_answers(list(group), workspace)
        found = {"raw_minus_sanitized": bootstrap.difference_of_rows(arms["none"].mean(axis=0), kept)}
        if len(arms) == len(CONTROLS):  # a size that only unchanged train can give has nothing to compare
            twinless, random = arms["without_twins"], arms["without_random"]
            found["all_minus_without_twins"] = bootstrap.difference_of_arms(arms["none"], twinless)
            found["without_random_minus_without_twins"] = bootstrap.difference_of_arms(random, twinless)
        effects += [Effect(model, rows, name, *(interval or (None, None, None))) for name, interval in found.items()]
    return effects


def right_answers(evaluations: Sequence[Evaluation], workspace: Place) -> dict[str, Floats]:
    """Return, per arm, which test rows each seed got right, as 0 and 1, shape (seeds, rows)."""
    arms: dict[str, list[Floats]] = {}
    for evaluation in evaluations:
        table = tables.read(workspace / evaluation.predictions("test"))
        right = table["label"].to_numpy() == table["predicted"].to_numpy()
        arms.setdefault(evaluation.training.control, []).append(right.astype(np.float64))
    return {control: np.stack(rights) for control, rights in arms.items()}
