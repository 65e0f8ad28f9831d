"""Prefect tasks of the evaluation stage: one trained model each, and the comparison of all."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sklearn

from tasks import store, tables
from tasks.evaluation.answers import confusion, mistakes, on_most_rows
from tasks.evaluation.comparison import compare_arms
from tasks.evaluation.controls import Bootstrap, clusters, threads_of
from tasks.evaluation.models import fit
from tasks.evaluation.neighbours import NEAREST
from tasks.evaluation.scores import subsets, wilson
from tasks.evaluation.training import (
    SCORED,
    answers_of,
    find_neighbours,
    labels_of_neighbours,
    training_rows,
)
from tasks.images import read_images
from tasks.records import (
    Confusion,
    Effect,
    Evaluation,
    Mistake,
    Overlap,
    Sanitized,
    Score,
    Splits,
    Trained,
    Training,
    to_json,
)
from tasks.spec import RunSpec, SplitName
from tasks.tasks import finished, stage_task

VERSION = 3
COMPARISON_VERSION = 3
OF_CONTROLS = ("raw", "removed")  # the subsets on which arms without some rows are scored


@stage_task("train {training.model} on {training.rows} rows, seed {training.seed}, {training.control} control")
def train_and_score(
    spec: RunSpec, splits: Splits, overlap: Overlap, sanitized: Sanitized, training: Training, workspace: Path
) -> Evaluation:
    """Train one model on rows of one arm and score it on raw, sanitized and control rows."""

    def build(target: Path) -> dict[str, Any]:
        if training.model == NEAREST:
            folder = find_neighbours(spec, splits, overlap, training, workspace)
            answer = partial(labels_of_neighbours, folder, training.control)
        else:
            # The pixels alone stay in memory while a model is fitted.
            classifier = fit(training.model, *training_rows(spec, splits, overlap, training), training.seed)
            answer = partial(answers_of, classifier)
        for name in SCORED:
            images = read_images(splits[name].files)
            predicted, confidence = answer(name, images)
            columns = {"id": images.ids, "label": images.labels, "predicted": predicted, "confidence": confidence}
            tables.write(pa.table(columns), target / f"{name}.parquet")
        return {}

    inputs = {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in ("train", *SCORED)],
        "training": vars(training),
        "threads": threads_of(training.rows),
        "left out": None if training.control == "none" else [overlap.sha256, spec.threshold_percent, spec.seed],
        "libraries": [sklearn.__version__, np.__version__],
    }
    stage = store.stage(workspace, "models", inputs, build)
    removed = tables.read(sanitized.removed)
    scores = [score for name in SCORED for score in score_split(spec, training, name, stage.folder, removed)]
    record = Evaluation(training=training, predictions=stage.folder, scores=tuple(scores))
    raw = next(score for score in scores if score.evaluated_on == "test_raw")
    what = f"{training.model} on {training.rows:,} rows, seed {training.seed}, {training.control}"
    return finished(record, stage, f"{what}: accuracy {raw.accuracy:.4f} on raw test")


@stage_task("compare models with and without the twins of test rows")
def measure_effects(
    spec: RunSpec, splits: Splits, sanitized: Sanitized, evaluations: Sequence[Evaluation], workspace: Path
) -> Trained:
    """Compare raw with sanitized rows, and the arms on the unchanged test set, with intervals."""
    largest = on_most_rows(evaluations)

    def build(_target: Path) -> dict[str, Any]:
        removed, first = tables.read(sanitized.removed), tables.read(evaluations[0].predictions / "test.parquet")
        ids = first["id"].combine_chunks()
        kept = dict(subsets(ids, first["label"].to_numpy(), removed, spec.seed))["near"]
        bootstrap = Bootstrap(clusters(ids, removed), spec.seed)
        answers = [tables.read(evaluation.predictions / "test.parquet") for evaluation in largest]
        pairs = list(zip(largest, answers, strict=True))
        return {
            "effects": compare_arms(evaluations, kept, bootstrap),
            "confusions": [to_json(confusion(one, table, len(splits.classes))) for one, table in pairs],
            "mistakes": [to_json(row) for one, table in pairs for row in mistakes(one, table, splits.classes)],
        }

    inputs = {
        "version": COMPARISON_VERSION,
        "models": [evaluation.predictions.name for evaluation in evaluations],
        "removed": sanitized.sha256,
        "seed": spec.seed,
    }
    stage = store.stage(workspace, "effects", inputs, build)
    effects = tuple(Effect(*effect) for effect in stage.result["effects"])
    confusions = tuple(Confusion(**facts) for facts in stage.result["confusions"])
    confident = tuple(Mistake(**facts) for facts in stage.result["mistakes"])
    record = Trained(tuple(evaluations), effects, confusions, confident, stage.folder)
    return finished(record, stage, f"{len(effects)} comparisons of {len(evaluations)} trained models")


def score_split(
    spec: RunSpec, training: Training, name: SplitName, predictions: Path, removed: pa.Table
) -> list[Score]:
    """Return the accuracies of one trained model on the subsets of one split."""
    table = tables.read(predictions / f"{name}.parquet")
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
