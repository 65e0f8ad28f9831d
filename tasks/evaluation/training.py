"""Train the models of a batch, and write what each answers."""

import hashlib
from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.arrays import Labels, Pixels, RowNumbers
from tasks.evaluation.arms import has_twin, rows_of_arm
from tasks.evaluation.compared import SCORED
from tasks.evaluation.neighbours import NEAREST, nearest
from tasks.evaluation.plan import threads_of
from tasks.records import Batch, Overlap, Splits, Training
from tasks.storage import tables
from tasks.storage.image_files import read_images, read_labels, take_images
from tasks.storage.images import Images, as_rows, normalize
from tasks.storage.place import Place
from tasks.threads import blas_threads
from tasks.vocabulary import SplitName

Answers = tuple[Labels, NDArray[np.float32]]  # label of each row, and confidence
AT_ONCE = 100_000  # rows that are scored


class Trainer:
    """Makes the trainings of a batch; what they share is read and computed once, when the first one needs it.

    Parameters
    ----------
    splits : Splits
    overlap : Overlap
        Of train and test.
    batch : Batch
    seed : int
        Of the run: the training with this seed takes rows in the order of train.
    workspace : Place
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

    def write_answers(self, training: Training, target: Place) -> None:
        """Train one model, and write what it answers for each row of the scored splits: label, and confidence."""
        if training.model == NEAREST:
            found = self._neighbours[training]
            answers = {name: (labels, np.ones(len(labels), np.float32)) for name, labels in found.items()}
        else:
            answers = self._fitted(training)
        for name, (predicted, confidence) in answers.items():
            images = self._scored[name]
            columns = {"id": images.ids, "label": images.labels, "predicted": predicted, "confidence": confidence}
            tables.write(pa.table(columns), target / f"{name}.parquet")

    def _fitted(self, training: Training) -> dict[SplitName, Answers]:
        from tasks.evaluation.models import fit, predict  # scikit-learn, which answers that are found need not

        rows = self._places[training]
        with blas_threads(threads_of(training.rows)):
            pixels = pixels_of(self._train, rows)
            classifier = fit(training.model, pixels, self._train.labels[rows], training.seed)
            del pixels  # the scored splits come beside it
            return {name: _answers(partial(predict, classifier), images) for name, images in self._scored.items()}

    @cached_property
    def _used(self) -> RowNumbers:
        """Rows of train that any training uses, ascending."""
        return np.unique(np.concatenate(list(self._rows.values())))

    @cached_property
    def _train(self) -> Images:
        """Those rows."""
        return take_images(self._splits.train.places(self._workspace), self._used)

    @cached_property
    def _places(self) -> dict[Training, RowNumbers]:
        """Where among them the rows of each training are."""
        return {training: np.searchsorted(self._used, rows) for training, rows in self._rows.items()}

    @cached_property
    def _scored(self) -> dict[SplitName, Images]:
        return {name: read_images(self._splits[name].places(self._workspace)) for name in SCORED}

    @cached_property
    def _neighbours(self) -> dict[Training, dict[SplitName, Labels]]:
        """Labels of the nearest training rows, for all trainings at once."""
        train, sets = as_rows(self._train.gray), list(self._places.values())
        found = {name: nearest(train, sets, as_rows(images.gray)) for name, images in self._scored.items()}
        return {
            training: {name: self._train.labels[rows[number]] for name, rows in found.items()}
            for number, training in enumerate(self._places)
        }


def _answers(predict: Callable[[Pixels], Answers], images: Images) -> Answers:
    """Return what a model answers for images, which need memory as pixels for some at a time."""
    starts = range(0, max(len(images), 1), AT_ONCE)
    labels, confidences = zip(*(predict(pixels_of(images[start : start + AT_ONCE])) for start in starts), strict=True)
    return np.concatenate(labels), np.concatenate(confidences)


def pixels_of(images: Images, rows: RowNumbers | None = None) -> Pixels:
    """Return images, or some rows of them, as rows of normalized pixels, float32 (n, side * side)."""
    gray = as_rows(images.gray)
    return normalize(gray if rows is None else gray[rows])
