"""Train the models of a batch, and write their answers."""

import hashlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.arrays import Labels, Pixels, RowNumbers
from tasks.evaluation.arms import has_twin, rows_of_arm
from tasks.evaluation.compared import SCORED
from tasks.evaluation.neighbours import NEAREST, nearest
from tasks.evaluation.plan import threads_of
from tasks.records import Batch, Overlap, Splits, Training
from tasks.storage import Place, tables
from tasks.storage.image_files import read_images, read_labels, take_images
from tasks.storage.images import Images, as_rows, normalize
from tasks.threads import blas_threads
from tasks.vocabulary import SplitName

Answers = tuple[Labels, NDArray[np.float32]]  # label of each row, and confidence
AT_ONCE = 100_000  # rows to score at a time


class Trainer:
    """Makes the trainings of a batch; shared inputs are read and computed once, on first use.

    `overlap` is between train and test. The training with the `seed` of the run takes rows in the order of train.
    """

    def __init__(self, splits: Splits, overlap: Overlap, batch: Batch, seed: int, workspace: Place) -> None:
        self._splits, self._workspace = splits, workspace
        labels = read_labels(splits.train.places(workspace))
        twins = has_twin(workspace / overlap.table("train"))
        self._rows = {
            one: rows_of_arm(one.arm, one.rows, labels, twins, one.seed, again=one.seed != seed)
            for one in batch.trainings
        }

    def digest(self, training: Training) -> str:
        """Return a digest of the rows of train that a training uses, in their order."""
        return hashlib.sha256(self._rows[training].astype("<i8").tobytes()).hexdigest()

    def write_answers(self, training: Training, target: Place) -> dict[str, Any]:
        """Train one model, and write its label and confidence for each row of the scored splits."""
        answers = self._nearest[training] if training.model == NEAREST else self._fitted(training)
        for name, (predicted, confidence) in answers.items():
            images = self._scored[name]
            columns = {"id": images.ids, "label": images.labels, "predicted": predicted, "confidence": confidence}
            tables.write(pa.table(columns), target / f"{name}.parquet")
        return {}

    @cached_property
    def _train(self) -> tuple[Images, dict[Training, RowNumbers]]:
        """The images of train that any training uses, and the positions of each training's rows among them."""
        used = np.unique(np.concatenate(list(self._rows.values())))
        images = take_images(self._splits.train.places(self._workspace), used)
        return images, {training: np.searchsorted(used, rows) for training, rows in self._rows.items()}

    @cached_property
    def _scored(self) -> dict[SplitName, Images]:
        return {name: read_images(self._splits[name].places(self._workspace)) for name in SCORED}

    def _fitted(self, training: Training) -> dict[SplitName, Answers]:
        from tasks.evaluation.models import fit, predict  # scikit-learn, which reused answers do not need

        images, rows_of = self._train
        rows = rows_of[training]
        with blas_threads(threads_of(training.rows)):
            pixels = normalize(as_rows(images.gray)[rows])
            classifier = fit(training.model, pixels, images.labels[rows], training.seed)
            del pixels  # makes room for the pixels of the scored splits
            return {name: _answers(partial(predict, classifier), scored) for name, scored in self._scored.items()}

    @cached_property
    def _nearest(self) -> dict[Training, dict[SplitName, Answers]]:
        """The labels of the nearest training rows, for all trainings at once, with confidence 1."""
        images, rows_of = self._train
        found: dict[Training, dict[SplitName, Answers]] = {training: {} for training in rows_of}
        for name, scored in self._scored.items():
            sets = nearest(as_rows(images.gray), list(rows_of.values()), as_rows(scored.gray))
            for training, rows in zip(rows_of, sets, strict=True):
                found[training][name] = images.labels[rows], np.ones(len(rows), np.float32)
        return found


def _answers(predict: Callable[[Pixels], Answers], images: Images) -> Answers:
    """Return the answers of a model, converting a limited number of images to pixels at a time."""
    starts = range(0, max(len(images), 1), AT_ONCE)
    parts = (normalize(as_rows(images[start : start + AT_ONCE].gray)) for start in starts)
    labels, confidences = zip(*map(predict, parts), strict=True)
    return np.concatenate(labels), np.concatenate(confidences)
