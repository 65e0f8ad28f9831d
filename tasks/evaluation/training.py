"""What a training uses, and what a trained model answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from tasks import store, tables
from tasks.evaluation.controls import arm, has_twin
from tasks.evaluation.models import predict
from tasks.evaluation.neighbours import nearest
from tasks.images import Images, as_rows, normalize, read_images, read_labels
from tasks.records import CONTROLS, Overlap, Splits, Training
from tasks.spec import Control, RunSpec, SplitName

VERSION = 1  # of the stage of nearest neighbours
SCORED: tuple[SplitName, ...] = ("validation", "test")
Answers = tuple[NDArray[np.int64], NDArray[np.float32]]  # labels, and how sure


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


def count_usable(spec: RunSpec, overlap: Overlap) -> int:
    """Return the rows that every arm can give: those of train without a twin in test."""
    return int((~has_twin(overlap.table("train"), spec.threshold_percent)).sum())


def pixels_of(images: Images) -> Any:
    """Return images as rows of normalized pixels, float32 (n, side * side)."""
    return normalize(as_rows(images.gray))
