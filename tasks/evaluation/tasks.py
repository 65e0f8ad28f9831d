"""Prefect tasks of the evaluation stage: one trained model each, and the comparison of all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import sklearn

from tasks.evaluation import effects
from tasks.evaluation.plan import threads_of
from tasks.evaluation.training import SCORED, mend_neighbours, write_answers
from tasks.records import Evaluation, Overlap, Sanitized, Splits, Trained, Training
from tasks.records.spec import RunSpec
from tasks.stage_task import finished, stage_task
from tasks.storage import stages
from tasks.storage.place import Place

VERSION = 4
COMPARISON_VERSION = 4


@stage_task("train {training.model} on {training.rows} rows, seed {training.seed}, {training.control} control")
def train_and_score(
    spec: RunSpec, splits: Splits, overlap: Overlap, sanitized: Sanitized, training: Training, workspace: Place
) -> Evaluation:
    """Train one model on rows of one arm and score it on raw, sanitized and control rows."""

    def build(target: Place) -> dict[str, Any]:
        write_answers(spec, splits, overlap, training, workspace, target)
        return {}

    mend_neighbours(spec, splits, overlap, training, workspace)
    stage = stages.stage(workspace, "models", _inputs(spec, splits, overlap, training), build)
    scores = [
        score
        for name in SCORED
        for score in effects.score_split(
            spec, training, name, stage.folder / f"{name}.parquet", workspace / sanitized.removed
        )
    ]
    record = Evaluation(training, stage.folder.name, tuple(scores))
    raw = next(score for score in scores if score.evaluated_on == "test_raw")
    what = f"{training.model} on {training.rows:,} rows, seed {training.seed}, {training.control}"
    return finished(record, stage, f"{what}: accuracy {raw.accuracy:.4f} on raw test")


@stage_task("compare models with and without the twins of test rows")
def measure_effects(
    spec: RunSpec, splits: Splits, sanitized: Sanitized, evaluations: Sequence[Evaluation], workspace: Place
) -> Trained:
    """Compare raw with sanitized rows, and the arms on the unchanged test set, with intervals."""

    def build(_target: Place) -> dict[str, Any]:
        return effects.measure(spec, splits.classes, sanitized, evaluations, workspace)

    inputs = {
        "version": COMPARISON_VERSION,
        "models": [evaluation.folder for evaluation in evaluations],
        "removed": sanitized.sha256,
        "seed": spec.seed,
    }
    stage = stages.stage(workspace, "effects", inputs, build)
    compared, confusions, mistakes = effects.FOUND.validate_python(stage.result["found"])
    record = Trained(tuple(evaluations), compared, confusions, mistakes, stage.folder.name)
    return finished(record, stage, f"{len(record.effects)} comparisons of {len(evaluations)} trained models")


def _inputs(spec: RunSpec, splits: Splits, overlap: Overlap, training: Training) -> dict[str, Any]:
    return {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in ("train", *SCORED)],
        "training": vars(training),
        "threads": threads_of(training.rows),
        "left out": None if training.control == "none" else [overlap.sha256, overlap.percent, spec.seed],
        "libraries": [sklearn.__version__, np.__version__],
    }
