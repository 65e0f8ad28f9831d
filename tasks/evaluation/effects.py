"""What a run's trained models show together: how their arms compare, and what those on the most rows answered."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from tasks.evaluation.compared import read_groups
from tasks.evaluation.comparison import ScoredRows, answered, compare, conclude
from tasks.evaluation.neighbours import NEAREST
from tasks.evaluation.scores import subsets
from tasks.records import Compared, Conclusion, Confusion, Effect, Evaluation, Mistake, Sanitized
from tasks.records.spec import TrainedSpec
from tasks.storage import tables
from tasks.storage.place import Place

Found = tuple[tuple[Effect, ...], tuple[Conclusion, ...], tuple[Confusion, ...], tuple[Mistake, ...]]
FOUND = TypeAdapter(Found)
MISTAKES = 20  # shown per model


def measure(
    spec: TrainedSpec,
    classes: Sequence[str],
    sanitized: Sanitized,
    compared: Compared,
    evaluations: Sequence[Evaluation],
    workspace: Place,
) -> dict[str, Any]:
    """Return effects, conclusions, confusions and mistakes as JSON values, which `FOUND` reads."""
    first = tables.read(workspace / evaluations[0].predictions("test"))
    ids, labels = first["id"].combine_chunks(), first["label"].to_numpy()
    kept = dict(subsets(ids, labels, tables.read(workspace / sanitized.removed), spec.seed))["near"]
    test = ScoredRows(labels, *read_groups(workspace / compared.groups("test")), kept)
    found = list(answered(evaluations, compared.usable, workspace))
    effects = tuple(effect for one in found for effect in compare(one, test))
    confusions, mistakes = [], []
    for one in _on_most_rows(evaluations):
        answers = tables.read(workspace / one.predictions("test"))
        confusions.append(_confusion(one, answers, len(classes)))
        mistakes += _mistakes(one, answers, classes)
    shown = effects, tuple(conclude(found, test, compared)), tuple(confusions), tuple(mistakes)
    return {"found": FOUND.dump_python(shown, mode="json")}


def _on_most_rows(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    largest: dict[str, Evaluation] = {}
    for one in evaluations:
        best = largest.get(one.training.model, one).training
        if one.training.arm == "with_twins" and (one.training == best or one.training.rows > best.rows):
            largest[one.training.model] = one
    return list(largest.values())


def _confusion(evaluation: Evaluation, answers: pa.Table, classes: int) -> Confusion:
    labels, predicted = (answers[name].to_numpy() for name in ("label", "predicted"))
    counts = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    return Confusion(evaluation.training.model, evaluation.training.rows, tuple(map(tuple, counts.tolist())))


def _mistakes(evaluation: Evaluation, answers: pa.Table, names: Sequence[str]) -> list[Mistake]:
    """Return a model's most confident mistakes, the most confident first, ties by id."""
    if evaluation.training.model == NEAREST:
        return []
    labels, predicted, sure = (answers[name].to_numpy() for name in ("label", "predicted", "confidence"))
    ids = np.array(answers["id"].to_pylist(), dtype=object)
    wrong = np.flatnonzero(labels != predicted)
    worst = wrong[np.lexsort((ids[wrong], -sure[wrong]))][:MISTAKES]
    about = evaluation.training.model, evaluation.training.rows
    return [
        Mistake(*about, ids[row], names[labels[row]], names[predicted[row]], round(float(sure[row]), 6))
        for row in worst
    ]
