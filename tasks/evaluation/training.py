"""What a training uses, and what a trained model answers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import ClassifierMixin

from tasks.evaluation.controls import arm, has_twin
from tasks.evaluation.models import fit, predict
from tasks.evaluation.neighbours import NEAREST, nearest
from tasks.evaluation.plan import threads_of
from tasks.records import Overlap, Splits, Training
from tasks.records.spec import RunSpec
from tasks.storage import disk, stages, tables
from tasks.storage.images import Images, as_rows, normalize, read_images, read_labels
from tasks.storage.place import Place
from tasks.threads import blas_threads
from tasks.vocabulary import CONTROLS, SplitName
from tasks.vocabulary.arrays import Labels, Pixels, RowNumbers

VERSION = 1  # of the stage of nearest neighbours
SCORED: tuple[SplitName, ...] = ("validation", "test")
Answers = tuple[Labels, Pixels]  # labels, and how sure


def write_answers(
    spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Place, target: Place
) -> None:
    """Train one model, and write what it answers for each row of the scored splits: label predicted, and confidence."""
    if training.model == NEAREST:
        folder = find_neighbours(spec, splits, overlap, training, workspace)
        classifier = None
    else:
        # Only the pixels stay in memory while a model is fitted.
        pixels, labels = training_rows(spec, splits, overlap, training, workspace)
        with blas_threads(threads_of(training.rows)):
            classifier = fit(training.model, pixels, labels, training.seed)
    for name in SCORED:
        images = read_images(splits[name].places(workspace))
        if classifier is None:
            predicted, confidence = answers_of_neighbours(folder / f"{name}.parquet", training, images)
        else:
            with blas_threads(threads_of(training.rows)):
                predicted, confidence = answers_of(classifier, images)
        columns = {"id": images.ids, "label": images.labels, "predicted": predicted, "confidence": confidence}
        tables.write(pa.table(columns), target / f"{name}.parquet")


def rows_of(spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Place) -> RowNumbers:
    """Return the rows of train that a training uses: a block of its arm, so that seeds share no row."""
    start = (training.seed - spec.seed) * training.rows
    twins = has_twin(workspace / overlap.table("train"), overlap.percent)
    labels = read_labels(splits.train.places(workspace))
    return arm(training.control, labels, twins, spec.seed)[start : start + training.rows]


def training_rows(
    spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Place
) -> tuple[Pixels, Labels]:
    """Return pixels and labels of the rows that a training uses."""
    rows = rows_of(spec, splits, overlap, training, workspace)
    # Train is shuffled: this reads a few rows more than needed.
    train = read_images(splits.train.places(workspace), int(rows.max()) + 1).take(rows)
    return pixels_of(train), train.labels


def find_neighbours(spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Place) -> Place:
    """Find the nearest training rows of all scored rows, for every arm of one size at once: the arms' tasks share them.

    Returns
    -------
    Place
        Folder with a table per split, its columns the labels of the nearest row per arm.
    """
    inputs = _inputs_of_neighbours(spec, splits, overlap, training, workspace)
    controls = inputs["training"][2]

    def build(target: Place) -> dict[str, Any]:
        arms = [rows_of(spec, splits, overlap, replace(training, control=control), workspace) for control in controls]
        train = read_images(splits.train.places(workspace), max(int(rows.max()) for rows in arms) + 1)
        for name in SCORED:
            queries = as_rows(read_images(splits[name].places(workspace)).gray)
            found = nearest(as_rows(train.gray), arms, queries)
            labels = {control: train.labels[rows] for control, rows in zip(controls, found, strict=True)}
            tables.write(pa.table(labels), target / f"{name}.parquet")
        return {}

    return stages.stage(workspace, "neighbours", inputs, build).folder


def mend_neighbours(spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Place) -> None:
    """Rebuild neighbours that are there and damaged: whoever reuses the models made of them would leave them so."""
    if training.model != NEAREST:
        return
    inputs = _inputs_of_neighbours(spec, splits, overlap, training, workspace)
    if disk.exists(stages.stage_folder(workspace, "neighbours", inputs)):
        find_neighbours(spec, splits, overlap, training, workspace)


def _inputs_of_neighbours(
    spec: RunSpec, splits: Splits, overlap: Overlap, training: Training, workspace: Place
) -> dict[str, Any]:
    """Return what determines the neighbours of one size: its rows, and the arms that have as many."""
    usable = count_usable(overlap, workspace)
    controls = [control for control in CONTROLS if control == "none" or training.rows <= usable]
    return {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in ("train", *SCORED)],
        "overlap": [overlap.sha256, overlap.percent, spec.seed],
        "training": [training.rows, training.seed, controls],
    }


def answers_of_neighbours(table: Place, training: Training, images: Images) -> Answers:
    """Return the labels of the nearest training rows, each answered without a doubt."""
    labels = tables.read(table, [training.control])[training.control].to_numpy()
    return labels, np.ones(len(images), np.float32)


def answers_of(classifier: ClassifierMixin, images: Images) -> Answers:
    """Return what a fitted model answers."""
    return predict(classifier, pixels_of(images))


def count_usable(overlap: Overlap, workspace: Place) -> int:
    """Return the rows that every arm can give: those of train without a twin in test."""
    return int((~has_twin(workspace / overlap.table("train"), overlap.percent)).sum())


def pixels_of(images: Images) -> Pixels:
    """Return images as rows of normalized pixels, float32 (n, side * side)."""
    return normalize(as_rows(images.gray))
