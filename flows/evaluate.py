"""The final flow: train with and without the twins of test rows, and score raw against sanitized."""

from typing import cast

from prefect import flow

from flows.engine.progress import collect, say
from tasks.evaluation.plan import in_batches, notes_on, plan
from tasks.evaluation.tasks import measure_effects, train_and_score
from tasks.evaluation.training import count_usable
from tasks.records import Evaluation, Overlap, Sanitized, Splits, Trained, Training
from tasks.records.spec import RunSpec


@flow(name="compare accuracy", flow_run_name="compare accuracy", validate_parameters=False)
def compare_accuracy(spec: RunSpec, splits: Splits, overlap: Overlap, sanitized: Sanitized) -> Trained:
    """Train every model at every size on every arm, score it, and compare the arms."""
    usable = count_usable(overlap, spec.place)
    for note in notes_on(spec.sizes, usable, splits.train.rows):
        say(note)
    plans = plan(spec, usable, splits.train.rows)
    if not plans:
        return Trained()
    trained: dict[Training, Evaluation] = {}
    for batch in in_batches(plans):
        futures = [train_and_score.submit(spec, splits, overlap, sanitized, one, spec.place) for one in batch]
        trained |= dict(zip(batch, collect("train and score", futures), strict=True))
    evaluations = [trained[training] for training in plans]
    comparison = measure_effects.submit(spec, splits, sanitized, evaluations, spec.place)
    (compared,) = collect("compare", [comparison])
    return cast(Trained, compared)
