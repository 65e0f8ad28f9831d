"""What a run's trained models show together: how their arms compare, and what those on the most rows answered."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from tasks.evaluation.answers import confusion, mistakes, on_most_rows
from tasks.evaluation.compared import read_groups
from tasks.evaluation.comparison import ScoredRows, answered, compare, conclude
from tasks.evaluation.scores import subsets
from tasks.records import Compared, Conclusion, Confusion, Effect, Evaluation, Mistake, Sanitized
from tasks.records.spec import TrainedSpec
from tasks.storage import tables
from tasks.storage.place import Place

Found = tuple[tuple[Effect, ...], tuple[Conclusion, ...], tuple[Confusion, ...], tuple[Mistake, ...]]
FOUND = TypeAdapter(Found)


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
    effects = [effect for one in found for effect in compare(one, test)]
    largest = [(one, tables.read(workspace / one.predictions("test"))) for one in on_most_rows(evaluations)]
    confusions = [confusion(one, answers, len(classes)) for one, answers in largest]
    confident = [mistake for one, answers in largest for mistake in mistakes(one, answers, classes)]
    shown = tuple(effects), tuple(conclude(found, test, compared)), tuple(confusions), tuple(confident)
    return {"found": FOUND.dump_python(shown, mode="json")}
