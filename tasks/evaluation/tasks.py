"""Prefect tasks of the evaluation stage: one trained model each, and the comparison of all."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sklearn
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from tasks import store, tables
from tasks.evaluation.answers import confusion, mistakes, on_most_rows
from tasks.evaluation.controls import Bootstrap, arm, clusters, has_twin, threads_of
from tasks.evaluation.models import fit, predict
from tasks.evaluation.neighbours import nearest
from tasks.evaluation.scores import subsets, wilson
from tasks.images import Images, as_rows, normalize, read_images, read_labels
from tasks.records import (
    CONTROLS,
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
from tasks.spec import Control, RunSpec, SplitName
from tasks.tasks import finished, stage_task

VERSION = 3
COMPARISON_VERSION = 3
NEAREST = "1nn"
Answers = tuple[NDArray[np.int64], NDArray[np.float32]]  # labels, and how sure
SCORED: tuple[SplitName, ...] = ("validation", "test")
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
        effects = []
        for (model, rows), group in groupby(evaluations, lambda e: (e.training.model, e.training.rows)):
            arms = right_answers(list(group))
            found = {
                "raw_minus_sanitized": bootstrap.difference_of_rows(arms["none"].mean(axis=0), kept),
            }
            if len(arms) == len(CONTROLS):  # a size that only unchanged train can give has nothing to compare
                twinless = arms["without_twins"]
                found |= {
                    "all_minus_without_twins": bootstrap.difference_of_arms(arms["none"], twinless),
                    "without_random_minus_without_twins": bootstrap.difference_of_arms(
                        arms["without_random"], twinless
                    ),
                }
            effects += [[model, rows, name, *(interval or (None, None, None))] for name, interval in found.items()]
        answers = [tables.read(evaluation.predictions / "test.parquet") for evaluation in largest]
        pairs = list(zip(largest, answers, strict=True))
        return {
            "effects": effects,
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


def rows_of(spec: RunSpec, splits: Splits, overlap: Overlap, training: Training) -> NDArray[np.int64]:
    """Return the rows of train that a training uses: a block of its arm, so that seeds share no row."""
    start = (training.seed - spec.seed) * training.rows
    twins = has_twin(overlap.table("train"), spec.threshold_percent)
    return arm(training.control, read_labels(splits.train.files), twins, spec.seed)[start : start + training.rows]


def training_rows(
    spec: RunSpec, splits: Splits, overlap: Overlap, training: Training
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return pixels and labels of the rows that a training uses."""
    rows = rows_of(spec, splits, overlap, training)
    train = read_images(splits.train.files, int(rows.max()) + 1).take(rows)  # train is shuffled: a few more than needed
    return pixels_of(train), train.labels


def find_neighbours(spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Path) -> Path:
    """Find the nearest training rows of all scored rows, for every arm of one size at once: the arms' tasks share them.

    Returns
    -------
    Path
        Folder with a table per split, its columns the labels of the nearest row per arm.
    """
    controls = [control for control in CONTROLS if control == "none" or training.rows <= count_usable(spec, overlap)]

    def build(target: Path) -> dict[str, Any]:
        arms = [rows_of(spec, splits, overlap, replace(training, control=control)) for control in controls]
        train = read_images(splits.train.files, max(int(rows.max()) for rows in arms) + 1)
        for name in SCORED:
            found = nearest(as_rows(train.gray), arms, as_rows(read_images(splits[name].files).gray))
            labels = {control: train.labels[rows] for control, rows in zip(controls, found, strict=True)}
            tables.write(pa.table(labels), target / f"{name}.parquet")
        return {}

    inputs = {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in ("train", *SCORED)],
        "overlap": [overlap.sha256, spec.threshold_percent, spec.seed],
        "training": [training.rows, training.seed, controls],
    }
    return store.stage(workspace, "neighbours", inputs, build).folder


def labels_of_neighbours(folder: Path, control: Control, name: SplitName, images: Images) -> Answers:
    """Return the labels of the nearest training rows, each answered without a doubt."""
    labels = tables.read(folder / f"{name}.parquet", [control])[control].to_numpy()
    return labels, np.ones(len(images), np.float32)


def answers_of(classifier: ClassifierMixin, _name: SplitName, images: Images) -> Answers:
    """Return what a fitted model answers."""
    return predict(classifier, pixels_of(images))


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


def right_answers(evaluations: Sequence[Evaluation]) -> dict[str, NDArray[np.float64]]:
    """Return, per arm, which test rows each seed got right, as 0 and 1, shape (seeds, rows)."""
    arms: dict[str, list[NDArray[np.float64]]] = {}
    for evaluation in evaluations:
        table = tables.read(evaluation.predictions / "test.parquet")
        right = table["label"].to_numpy() == table["predicted"].to_numpy()
        arms.setdefault(evaluation.training.control, []).append(right.astype(np.float64))
    return {control: np.stack(rights) for control, rights in arms.items()}


def count_usable(spec: RunSpec, overlap: Overlap) -> int:
    """Return the rows that every arm can give: those of train without a twin in test."""
    return int((~has_twin(overlap.table("train"), spec.threshold_percent)).sum())


def pixels_of(images: Images) -> Any:
    """Return images as rows of normalized pixels, float32 (n, side * side)."""
    return normalize(as_rows(images.gray))
