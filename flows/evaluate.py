"""The final flow: train with and without the twins of test rows, and score raw against sanitized."""

import warnings
from collections.abc import Sequence
from typing import cast

from flows.engine.declare import our_flow
from flows.engine.progress import collect, say
from flows.engine.runners import memory_of_task
from tasks.evaluation.plan import batches, check_memory, notes_on, plan, side_by_side
from tasks.evaluation.tasks import find_compared, measure_effects, train_and_score
from tasks.records import Batch, Evaluation, Overlap, Sanitized, Splits, Trained
from tasks.records.spec import TrainedSpec


@our_flow(name="compare accuracy")
def compare_accuracy(spec: TrainedSpec, splits: Splits, overlaps: Sequence[Overlap], sanitized: Sanitized) -> Trained:
    """Train every model at every size on both arms, score it, and compare the arms."""
    if not spec.models:
        return Trained()
    (compared,) = collect("group test rows", [find_compared.submit(splits, overlaps, spec.place)])
    for note in notes_on(spec.sizes, compared.usable, splits.train.rows):
        say(note)
    plans = plan(spec, compared.usable, splits.train.rows)
    if not plans:
        return Trained()
    check_memory(plans, spec.side**2, memory_of_task(spec))
    planned = batches(plans)
    trained: dict[Batch, list[Evaluation]] = {}
    with warnings.catch_warnings():  # here: what to ignore is said for all threads at once
        warnings.filterwarnings("ignore", "Stochastic Optimizer: Maximum iterations")  # the limit is intended
        for some in side_by_side(planned):
            futures = [
                train_and_score.submit(spec, splits, overlaps, sanitized, compared, batch, spec.place) for batch in some
            ]
            trained |= dict(zip(some, collect("train and score", futures), strict=True))
    evaluations = [evaluation for batch in planned for evaluation in trained[batch]]
    comparison = measure_effects.submit(spec, splits, sanitized, compared, evaluations, spec.place)
    return cast(Trained, collect("compare", [comparison])[0])
