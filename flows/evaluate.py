"""The final flow: train with and without the duplicates of test rows, and score raw and sanitized rows."""

from dataclasses import replace
from typing import cast

from flows.engine import runners
from flows.engine.declare import subflow
from flows.engine.progress import collect, say
from tasks.evaluation.plan import batches, check_memory, notes_on_sizes, plan, rounds
from tasks.evaluation.tasks import find_compared, measure_effects, train_and_score
from tasks.records import Batch, Evaluation, Findings, Measured, Trained, Training
from tasks.records.spec import TrainedSpec


def train_on(spec: TrainedSpec, found: Findings) -> Findings:
    """Train on the splits of a run, inside the calling flow, and return the findings.

    For grouped splits, models are also trained on random splits, on the largest number of rows that both have.
    """
    runner, random = runners.runner_for(spec), found.random
    trained = compare_accuracy(runner, spec, Measured(found.splits, found.overlaps, found.sanitized))
    if random is not None:
        sizes = [score.train_rows for score in trained.scores if score.train_rows <= random.splits.train.rows]
        random = replace(random, trained=compare_accuracy(runner, spec, random, once_on=max(sizes, default=0)))
    return replace(found, spec=spec, trained=trained, random=random)


@subflow("compare accuracy")
def compare_accuracy(spec: TrainedSpec, measured: Measured, once_on: int | None = None) -> Trained:
    """Train every model at every size on both arms, or once on `once_on` rows of train; score, and compare the arms."""
    if not spec.models:
        return Trained()
    (compared,) = collect("group test rows", [find_compared.submit(measured, spec.place)])
    if once_on is None:
        say(*notes_on_sizes(spec.sizes, compared.usable, measured.splits.train.rows))
        plans = plan(spec, compared.usable, measured.splits.train.rows)
    else:
        plans = [Training(model, once_on, spec.seed, "with_twins") for model in spec.models if once_on]
    if not plans:
        return Trained()
    if not spec.on_dask:  # whose workers have their own limits
        check_memory(plans, spec.side**2, runners.memory_of_machine())
    planned = batches(plans)
    trained: dict[Batch, list[Evaluation]] = {}
    for some in rounds(planned):
        futures = [train_and_score.submit(spec, measured, compared, batch, spec.place) for batch in some]
        work = [len(batch.trainings) for batch in some]
        trained |= dict(zip(some, collect("train and score", futures, work, "trainings"), strict=True))
    evaluations = [evaluation for batch in planned for evaluation in trained[batch]]
    comparing = [measure_effects.submit(spec, measured, compared, evaluations, spec.place)]
    return cast(Trained, collect("compare", comparing)[0])
