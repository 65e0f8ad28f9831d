"""Prefect tasks of the evaluation stage: check what can be compared, train batches, and compare the arms."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tasks.evaluation.comparison import FOUND, measure
from tasks.evaluation.plan import threads_of
from tasks.evaluation.scored import SCORED, find_groups, read_groups, score_split
from tasks.evaluation.training import Trainer
from tasks.libraries import shaped_by
from tasks.records import Batch, Compared, Evaluation, Measured, Sanitized, Score, Trained, Training, between
from tasks.records.spec import TrainedSpec
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, stages, tables
from tasks.storage.started import advance

SCORES = TypeAdapter(list[list[Score]])  # one list per training


@stage_task("group test rows and check what can be compared")
def find_compared(measured: Measured, workspace: Place) -> Compared:
    """Group test rows that show the same, and find the rows of train that both arms can use."""
    splits, overlaps = measured.splits, measured.overlaps
    inputs = {
        "version": 2,
        "splits": [splits[name].sha256 for name in SCORED],
        "train": splits.train.rows,
        "overlaps": [overlap.sha256 for overlap in overlaps],
    }
    stage = stages.stage(workspace, "compared", inputs, lambda target: find_groups(splits, overlaps, workspace, target))
    record = Compared(stage.folder.name, stage.result["usable"], stage.result["reason"])
    return finished(record, stage.reused, f"{record.usable:,} of {splits.train.rows:,} rows of train for both arms")


@stage_task("train {batch}")
def train_and_score(
    spec: TrainedSpec, measured: Measured, compared: Compared, batch: Batch, workspace: Place
) -> list[Evaluation]:
    """Train one model, once or repeatedly, and score each training on raw, sanitized and control rows."""
    trainer = Trainer(measured.splits, between(measured.overlaps, "train", "test"), batch, spec.seed, workspace)
    built = []
    for training in batch.trainings:
        inputs = {
            "version": 5,
            "splits": [measured.splits[name].sha256 for name in ("train", *SCORED)],
            "model": training.model,
            "seed": training.seed,
            "rows": trainer.digest(training),
            "threads": threads_of(training.rows),
        } | shaped_by("training")
        built.append(stages.stage(workspace, "models", inputs, partial(trainer.write_answers, training)))
        advance(int(not built[-1].reused))
    models = [(training, stage.folder.name) for training, stage in zip(batch.trainings, built, strict=True)]
    asked = batch, built, measured.sanitized, compared, spec.seed, workspace
    about = {"version": 1} | _about(models, measured.sanitized, compared, spec)
    scored = stages.stage(workspace, "scores", about, lambda _: _scores(*asked))
    scores = SCORES.validate_python(scored.result["scores"])
    evaluations = [Evaluation(*of, tuple(own), scored.folder.name) for of, own in zip(models, scores, strict=True)]
    raw = [score.accuracy or 0 for one in evaluations for score in one.scores if score.evaluated_on == "test_raw"]
    reused = all(stage.reused for stage in (*built, scored))
    return finished(evaluations, reused, f"{batch}: accuracy {np.mean(raw):.4f} on raw test")


@stage_task("compare models with and without the duplicates of test rows")
def measure_effects(
    spec: TrainedSpec, measured: Measured, compared: Compared, evaluations: Sequence[Evaluation], workspace: Place
) -> Trained:
    """Compare raw with sanitized rows, and the arms on the unchanged test set, with intervals."""
    asked = measured, compared, evaluations, workspace
    models = [(evaluation.training, evaluation.folder) for evaluation in evaluations]
    about = {"version": 6} | _about(models, measured.sanitized, compared, spec)
    stage = stages.stage(workspace, "effects", about, lambda _: measure(*asked))
    record = Trained(tuple(evaluations), *FOUND.validate_python(stage.result["found"]), stage.folder.name, compared)
    return finished(record, stage.reused, f"{len(record.effects)} comparisons of {len(evaluations)} trained models")


def _scores(
    batch: Batch, built: Sequence[stages.Stage], sanitized: Sanitized, compared: Compared, seed: int, workspace: Place
) -> dict[str, Any]:
    removed = tables.read(workspace / sanitized.removed)
    of_splits = []
    for name in SCORED:
        answers = [tables.read(stage.folder / f"{name}.parquet") for stage in built]
        groups = read_groups(workspace / compared.groups(name))[0]
        of_splits.append(score_split(batch.trainings, name, answers, groups, removed, seed))
    scores = [list(chain.from_iterable(of_training)) for of_training in zip(*of_splits, strict=True)]
    return {"scores": SCORES.dump_python(scores, mode="json")}


def _about(
    models: Sequence[tuple[Training, str]], sanitized: Sanitized, compared: Compared, spec: TrainedSpec
) -> dict[str, Any]:
    """Return the inputs that scores and comparisons of trained models depend on."""
    return {
        "models": [[vars(training), folder] for training, folder in models],
        "removed": sanitized.sha256,
        "compared": compared.folder,
        "seed": spec.seed,
    } | shaped_by("statistics")
