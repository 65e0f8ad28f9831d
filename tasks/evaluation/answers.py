"""What the models that were trained on the most rows answered: confusions, and mistakes made with confidence."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tasks.arrays import RowNumbers
from tasks.evaluation.neighbours import NEAREST
from tasks.records import Confusion, Evaluation, Mistake

MISTAKES = 20  # shown per model


def on_most_rows(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return, per model and in their order, the first training on the most rows of train as it is."""
    largest: dict[str, Evaluation] = {}
    for evaluation in evaluations:
        training = evaluation.training
        best = largest.get(training.model)
        if training.arm == "with_twins" and (best is None or training.rows > best.training.rows):
            largest[training.model] = evaluation
    return list(largest.values())


def confusion(evaluation: Evaluation, answers: pa.Table, classes: int) -> Confusion:
    """Count the answers to test rows, per true class and answered class."""
    labels, predicted = (answers[name].to_numpy() for name in ("label", "predicted"))
    counts = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    rows = tuple(tuple(row) for row in counts.tolist())
    return Confusion(evaluation.training.model, evaluation.training.rows, rows)


def mistakes(evaluation: Evaluation, answers: pa.Table, names: Sequence[str]) -> list[Mistake]:
    """Return a model's most confident mistakes, the most confident first, ties by id."""
    if evaluation.training.model == NEAREST:
        return []
    labels, predicted, sure = (answers[name].to_numpy() for name in ("label", "predicted", "confidence"))
    ids = np.array(answers["id"].to_pylist(), dtype=object)
    wrong: RowNumbers = np.flatnonzero(labels != predicted)
    worst = wrong[np.lexsort((ids[wrong], -sure[wrong]))][:MISTAKES]
    about = evaluation.training.model, evaluation.training.rows
    return [
        Mistake(*about, ids[row], names[labels[row]], names[predicted[row]], round(float(sure[row]), 6))
        for row in worst
    ]
