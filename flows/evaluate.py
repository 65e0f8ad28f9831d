"""The final flow: train, and score raw against sanitized."""

from prefect import flow
from threadpoolctl import threadpool_limits

from flows.progress import collect, say
from tasks.evaluation.tasks import train_and_score, training_sizes
from tasks.records import Evaluation, Sanitized, Splits
from tasks.spec import RunSpec


@flow(name="evaluate", validate_parameters=False)
def evaluate(spec: RunSpec, splits: Splits, sanitized: Sanitized) -> tuple[Evaluation, ...]:
    """Train every model at every size and score it on raw, sanitized and control rows."""
    rows_of_train = splits.train.rows
    if missing := [str(size) for size in spec.sizes if size != "all" and size > rows_of_train]:
        say(f"no training on {', '.join(missing)} rows: train has {rows_of_train:,}")
    with threadpool_limits(limits=1):  # models train side by side, and score the same whatever the machine
        trained = [
            train_and_score.submit(spec, splits, sanitized, model, rows, spec.workspace)
            for model in spec.models
            for rows in training_sizes(spec, rows_of_train)
        ]
        return tuple(collect("train and score", trained))
