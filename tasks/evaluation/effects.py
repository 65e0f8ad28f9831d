"""What a run's trained models show together: how their arms compare, and what those on the most rows answered."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from tasks.evaluation.answers import confusion, mistakes, on_most_rows
from tasks.evaluation.bootstrap import Bootstrap
from tasks.evaluation.comparison import compare_arms
from tasks.evaluation.controls import clusters
from tasks.evaluation.scores import subsets, wilson
from tasks.records import Confusion, Effect, Evaluation, Mistake, Sanitized, Score, Training
from tasks.records.spec import RunSpec
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.threads import blas_threads
from tasks.vocabulary import SplitName

OF_CONTROLS = ("raw", "removed")  # the subsets on which arms without some rows are scored
Found = tuple[tuple[Effect, ...], tuple[Confusion, ...], tuple[Mistake, ...]]
FOUND = TypeAdapter(Found)


def measure(
    spec: RunSpec, classes: Sequence[str], sanitized: Sanitized, evaluations: Sequence[Evaluation], workspace: Place
) -> dict[str, Any]:
    """Return effects, confusions and mistakes as JSON values, which `FOUND` reads."""
    removed = tables.read(workspace / sanitized.removed)
    first = tables.read(workspace / evaluations[0].predictions("test"))
    ids = first["id"].combine_chunks()
    kept = dict(subsets(ids, first["label"].to_numpy(), removed, spec.seed))["near"]
    with blas_threads(1):
        effects = compare_arms(evaluations, kept, Bootstrap(clusters(ids, removed), spec.seed), workspace)
    largest = on_most_rows(evaluations)
    answered = [(one, tables.read(workspace / one.predictions("test"))) for one in largest]
    confusions = [confusion(one, answers, len(classes)) for one, answers in answered]
    confident = [mistake for one, answers in answered for mistake in mistakes(one, answers, classes)]
    return {"found": FOUND.dump_python((tuple(effects), tuple(confusions), tuple(confident)), mode="json")}


def score_split(spec: RunSpec, training: Training, name: SplitName, answers: Place, sanitized: Place) -> list[Score]:
    """Return the accuracies of one trained model on the subsets of one split.

    Parameters
    ----------
    spec : RunSpec
    training : Training
    name : str
        The split.
    answers : Place
        Table of what the model answered for its rows.
    sanitized : Place
        Table of the removed rows.
    """
    table, removed = tables.read(answers), tables.read(sanitized)
    labels = table["label"].to_numpy()
    correct = labels == table["predicted"].to_numpy()
    ids, scores = table["id"].combine_chunks(), []
    groups = clusters(ids, removed)
    for subset, mask in subsets(ids, labels, removed, spec.seed):
        if training.control == "none" or subset in OF_CONTROLS:
            interval = wilson(correct[mask], groups[mask])
            about = training.model, training.rows, training.seed, training.control, f"{name}_{subset}"
            scores.append(Score(*about, int(mask.sum()), *interval))
    return scores
