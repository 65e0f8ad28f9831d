"""Single steps: prepare splits, or sanitize or evaluate the splits of a published run with other settings."""

from dataclasses import replace
from pathlib import Path  # noqa: TID251  # users open the splits themselves
from typing import Any

from flows.engine.declare import our_flow
from flows.engine.progress import timed
from flows.engine.runners import side_by_side
from flows.evaluate import train_on
from flows.prepare import decisions_of, prepare_splits
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from flows.table import EVALUATE, PREPARE, SANITIZE
from tasks.errors import UsageError
from tasks.records import LoadedSources, Report
from tasks.records.spec import EvaluateSpec, PrepareSpec, SanitizeSpec, TrainingSpec
from tasks.reporting.read import read_findings
from tasks.storage import disk
from tasks.storage.workspace import find_run, in_use


@our_flow(PREPARE)
def prepare(spec: PrepareSpec) -> Path:
    with in_use(spec.place, spec.fresh):
        _, _, splits = prepare_splits(side_by_side(spec), spec)
        return disk.named((spec.place / splits.train.files[0]).parent)


@our_flow(SANITIZE)
def sanitize(spec: SanitizeSpec) -> Report:
    found = read_findings(find_run(spec.run, spec.place))
    nothing_trained: dict[str, Any] = {"models": ()} if isinstance(found.spec, TrainingSpec) else {}
    changed = replace(found.spec, **spec.changes(), **nothing_trained)
    splits = replace(found.splits, in_groups=None)  # duplicates are judged again
    with timed() as seconds, in_use(changed.place):
        decided = decisions_of(changed, found.fingerprints)
        loaded = LoadedSources(found.reading, found.archives, found.shards, found.fingerprints, decided)
        return publish(measure_and_sanitize(side_by_side(spec), changed, splits, loaded), seconds)


@our_flow(EVALUATE)
def evaluate(spec: EvaluateSpec) -> Report:
    found = read_findings(find_run(spec.run, spec.place))
    if not isinstance(found.spec, TrainingSpec):
        raise UsageError(
            f"{spec.run} is an audit: its train split is not shuffled, so nothing can be trained; use a run instead."
        )
    if len(found.splits.classes) < 2:
        raise UsageError(f"{spec.run} has fewer than two classes, so nothing can be trained; use another run.")
    changed = replace(found.spec, models=spec.models, sizes=spec.sizes, trainings=spec.trainings, **spec.how())
    with timed() as seconds, in_use(changed.place):
        return publish(train_on(changed, found), seconds)
