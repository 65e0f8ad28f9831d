"""The final flow: train with and without the twins of test rows, and score raw against sanitized."""

from typing import cast

from prefect import flow
from threadpoolctl import threadpool_limits

from flows.progress import collect, say
from tasks.evaluation.controls import notes_on, plan, threads_of
from tasks.evaluation.tasks import measure_effects, train_and_score
from tasks.evaluation.training import count_usable
from tasks.records import Evaluation, Overlap, Sanitized, Splits, Trained, Training
from tasks.spec import RunSpec


@flow(name="compare accuracy", flow_run_name="compare accuracy", validate_parameters=False)
def evaluate(spec: RunSpec, splits: Splits, overlap: Overlap, sanitized: Sanitized) -> Trained:
    """Train every model at every size on every arm, score it, and compare the arms."""
    usable = count_usable(spec, overlap)
    for note in notes_on(spec.sizes, usable, splits.train.rows):
        say(note)
    plans = plan(spec, usable, splits.train.rows)
    if not plans:
        return Trained()
    together = [training for training in plans if threads_of(training.rows) == 1]
    batches = [together, *([training] for training in plans if training not in together)]
    trained: dict[Training, Evaluation] = {}
    for batch in filter(None, batches):
        with threadpool_limits(limits=threads_of(batch[0].rows)):
            futures = [
                train_and_score.submit(spec, splits, overlap, sanitized, training, spec.workspace) for training in batch
            ]
            done = collect("train and score", futures)
        trained |= dict(zip(batch, done, strict=True))
    evaluations = [trained[training] for training in plans]
    comparison = measure_effects.submit(spec, splits, sanitized, evaluations, spec.workspace)
    (compared,) = collect("compare", [comparison])
    return cast(Trained, compared)
