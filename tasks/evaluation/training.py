"""Train the models of a batch, with the duplicates of test rows or without them, and write their answers.

Comparing raw with sanitized rows confounds two effects: models may memorize duplicates, and the removed rows may be
easier. So models are also trained without the duplicates (the treatment) and without equally many random rows (the
control), and both are scored on the same unchanged test set.
"""

import hashlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.arrays import Labels, Mask, Pixels, RowNumbers
from tasks.evaluation.neighbours import NEAREST, nearest
from tasks.evaluation.plan import threads_of
from tasks.evaluation.scored import SCORED, as_many_per_class, has_twin
from tasks.records import Batch, Overlap, Splits, Training
from tasks.storage import Place, tables
from tasks.storage.image_files import read_images, read_labels, take_images
from tasks.storage.images import ImageRows, as_rows, normalize
from tasks.threads import blas_threads
from tasks.vocabulary import Arm, SplitName

Answers = tuple[Labels, NDArray[np.float32]]  # label of each row, and confidence
AT_ONCE = 100_000  # rows to score at a time
AMONG = 20  # a repeated training draws from this many times the rows it uses, so that not all need to be read


def rows_of_arm(arm: Arm, count: int, labels: Labels, twins: Mask, seed: int, again: bool) -> RowNumbers:
    """Return the rows of train that one training uses, int64 (rows,).

    Rows are taken in the shuffled order of train, or at random if the training is a repetition (`again`), until `count`
    of them are not duplicates. One arm then drops the duplicates, the other random rows of each class, so that both
    have the same size and classes and share most rows. A `count` above the number of rows without a duplicate is only
    possible with duplicates, and takes the first rows of train.

    `labels` and `twins`, int64 and bool (n,), are the class of each row of train, and whether it is a duplicate of a
    test row; `seed` decides the order and the randomly dropped rows.

    >>> labels, twins = np.zeros(5, np.int64), np.array([True, False, False, True, False])
    >>> rows_of_arm("without_twins", 2, labels, twins, 0, again=False).tolist()
    [1, 2]
    >>> len(rows_of_arm("with_twins", 2, labels, twins, 0, again=False))
    2
    """
    order = np.arange(len(labels))
    if again:
        near = AMONG * count if (~twins[: AMONG * count]).sum() >= count else len(labels)
        order = np.random.default_rng([seed, 11]).permutation(order[:near])
    others = np.flatnonzero(~twins[order])
    if count > len(others):
        return order[:count]
    taken = order[: others[count - 1] + 1]
    if arm == "without_twins":
        return taken[~twins[taken]]
    return taken[~as_many_per_class(labels[taken], twins[taken], seed)]


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
    def _train(self) -> tuple[ImageRows, dict[Training, RowNumbers]]:
        """The images of train that any training uses, and the positions of each training's rows among them."""
        used = np.unique(np.concatenate(list(self._rows.values())))
        images = take_images(self._splits.train.places(self._workspace), used)
        return images, {training: np.searchsorted(used, rows) for training, rows in self._rows.items()}

    @cached_property
    def _scored(self) -> dict[SplitName, ImageRows]:
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


def _answers(predict: Callable[[Pixels], Answers], images: ImageRows) -> Answers:
    """Return the answers of a model, converting a limited number of images to pixels at a time."""
    starts = range(0, max(len(images), 1), AT_ONCE)
    parts = (normalize(as_rows(images.gray[start : start + AT_ONCE])) for start in starts)
    labels, confidences = zip(*map(predict, parts), strict=True)
    return np.concatenate(labels), np.concatenate(confidences)
