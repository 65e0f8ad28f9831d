"""Compare the arms of trained models, and collect the answers of the models trained on the most rows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from tasks.arrays import Floats, Labels, Mask, RowNumbers
from tasks.evaluation.intervals import CONFIDENCE, Interval, Mean, accuracy, contrast, difference_of_rows, mean_of
from tasks.evaluation.neighbours import NEAREST
from tasks.evaluation.scored import read_groups
from tasks.records import Compared, Conclusion, Confusion, Effect, Evaluation, Measured, Mistake
from tasks.records.removed import is_removed
from tasks.storage import Place, tables
from tasks.vocabulary import Arm, Comparison, ModelName, Unmeasured

TOGETHER = 0.97  # confidence of a headline: at 0.95, 5.2 % of null simulations claimed an effect for some shape
ENOUGH = 5  # trainings per arm: with fewer, random variation hides any effect
NO_EFFECT = None, None, None
MISTAKES = 20  # shown per model
Comparisons = tuple[tuple[Effect, ...], tuple[Conclusion, ...], tuple[Confusion, ...], tuple[Mistake, ...]]
FOUND = TypeAdapter(Comparisons)


@dataclass(frozen=True)
class ScoredRows:
    """Test rows: their classes, their groups, whether they have a duplicate in train, and whether they stay."""

    labels: Labels
    groups: RowNumbers
    has_twin: Mask
    kept: Mask


@dataclass(frozen=True)
class Answered:
    """Which test rows the trainings of one model and size got right: per arm, 0 or 1, shape (trainings, rows).

    `share_used` is the fraction of the rows of train without a duplicate on which each training of both arms is made.
    """

    model: ModelName
    train_rows: int
    right: dict[Arm, Floats]
    share_used: float = 1.0

    @property
    def trainings(self) -> int:
        """Trainings of the arm with more of them; identical trainings are made once."""
        return max(map(len, self.right.values()))

    def parts(self, test: ScoredRows) -> list[Mean]:
        """Return the changes on test rows with a duplicate, and on the others."""
        change = self.right["with_twins"] - self.right["without_twins"]
        return [mean_of(change[:, part], test.groups[part]) for part in (test.has_twin, ~test.has_twin)]


def measure(
    measured: Measured, compared: Compared, evaluations: Sequence[Evaluation], workspace: Place
) -> dict[str, Any]:
    """Return effects, conclusions, confusions and mistakes as JSON values for `FOUND`."""
    classes, removed = measured.splits.classes, tables.read(workspace / measured.sanitized.removed)
    first = tables.read(workspace / evaluations[0].predictions)
    kept = ~is_removed(first["id"].combine_chunks(), removed, ("exact", "near"))
    test = ScoredRows(first["label"].to_numpy(), *read_groups(workspace / compared.groups("test")), kept)
    found = list(answered(evaluations, compared.usable, workspace))
    effects = tuple(effect for one in found for effect in compare(one, test))
    confusions, mistakes = [], []
    raw = (one for one in evaluations if one.training.arm == "with_twins")
    for _, same in groupby(raw, lambda one: one.training.model):
        one = max(same, key=lambda one: one.training.rows)
        answers = tables.read(workspace / one.predictions)
        labels, predicted = (answers[name].to_numpy() for name in ("label", "predicted"))
        counts = np.bincount(labels * len(classes) + predicted, minlength=len(classes) ** 2).reshape(len(classes), -1)
        confusions.append(Confusion(one.training.model, one.training.rows, tuple(map(tuple, counts.tolist()))))
        mistakes += _mistakes(one, answers, classes)
    shown = effects, tuple(conclude(found, test, compared)), tuple(confusions), tuple(mistakes)
    return {"found": FOUND.dump_python(shown, mode="json")}


def answered(evaluations: Sequence[Evaluation], usable: int, workspace: Place) -> Iterator[Answered]:
    """Read the answers of all models, grouped by model and size."""
    for (model, rows), of_size in groupby(evaluations, lambda e: (e.training.model, e.training.rows)):
        arms = defaultdict[Arm, list[Floats]](list)
        for evaluation in of_size:
            table = tables.read(workspace / evaluation.predictions)
            right = table["label"].to_numpy() == table["predicted"].to_numpy()
            arms[evaluation.training.arm].append(right.astype(np.float64))
        yield Answered(model, rows, {arm: np.stack(right) for arm, right in arms.items()}, min(1.0, rows / usable))


def compare(found: Answered, test: ScoredRows) -> list[Effect]:
    """Return the comparisons of one model at one size, each with its own interval, or nulls."""
    average = found.right["with_twins"].mean(axis=0)
    compared: dict[Comparison, Interval | None]
    compared = {"raw_minus_sanitized": difference_of_rows(average, test.kept, test.groups)}
    if len(found.right) > 1:
        with_twin, others = found.parts(test)
        compared["on_rows_with_twin"] = contrast([with_twin], [1], found.share_used)
        compared["on_other_rows"] = contrast([others], [1], found.share_used)
        compared["effect_of_twins"] = effect_of_twins(found, test)
    about = found.model, found.train_rows, found.trainings
    return [Effect(*about, name, *(interval or NO_EFFECT)) for name, interval in compared.items()]


def effect_of_twins(found: Answered, test: ScoredRows, confidence: float = CONFIDENCE) -> Interval:
    """Return the effect of the duplicates on the accuracy on all test rows, in points.

    It is the loss without them on rows with a duplicate, beyond the loss on the other rows.
    """
    share = float(test.has_twin.mean())
    return contrast(found.parts(test), [share, -share], found.share_used, confidence)


def conclude(found: Sequence[Answered], test: ScoredRows, compared: Compared) -> list[Conclusion]:
    """Return, for each model, the effect of the duplicates at its largest compared size, or why it is unknown.

    The intervals hold simultaneously for all models (Bonferroni).
    """
    largest = {one.model: one for one in found if compared.reason or len(one.right) > 1}
    confidence = 1 - (1 - TOGETHER) / max(1, len(largest))
    conclusions = []
    for one in largest.values():
        reason = compared.reason or _why_not(one, test)
        interval = NO_EFFECT if reason else effect_of_twins(one, test, confidence)
        conclusions.append(Conclusion(one.model, one.train_rows, one.trainings, reason, *interval))
    return conclusions


def _why_not(found: Answered, test: ScoredRows) -> Unmeasured | None:
    if found.trainings < ENOUGH:
        return "few_trainings"
    low = accuracy(found.right["with_twins"].mean(axis=0), test.groups)[1]
    best_constant = float(np.bincount(test.labels).max()) / len(test.labels)
    return "chance" if low <= best_constant else None


def _mistakes(evaluation: Evaluation, answers: pa.Table, names: Sequence[str]) -> list[Mistake]:
    """Return a model's mistakes by descending confidence, ties by id."""
    if evaluation.training.model == NEAREST:
        return []
    labels, predicted, sure = (answers[name].to_numpy() for name in ("label", "predicted", "confidence"))
    ids = np.array(answers["id"].to_pylist(), dtype=object)
    wrong = np.flatnonzero(labels != predicted)
    worst = wrong[np.lexsort((ids[wrong], -sure[wrong]))][:MISTAKES]
    about = evaluation.training.model, evaluation.training.rows
    found = zip(ids[worst], labels[worst], predicted[worst], sure[worst].tolist(), strict=True)
    return [Mistake(*about, row, names[label], names[answer], round(p, 6)) for row, label, answer, p in found]
