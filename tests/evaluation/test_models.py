import numpy as np
import pytest

from tasks.evaluation.models import MODELS, fit, predict
from tasks.vocabulary import ModelName


def blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    centres = np.random.default_rng(0).normal(0, 1, (3, 16))
    return (centres[labels] + rng.normal(0, 0.4, (n, 16))).astype(np.float32), labels


@pytest.mark.parametrize("model", list(MODELS))
def test_every_model_learns_what_is_easy(model: ModelName) -> None:
    classifier = fit(model, *blobs(600, 1), seed=0)
    pixels, labels = blobs(300, 2)
    predicted, confidence = predict(classifier, pixels)
    assert (predicted == labels).mean() > 0.95
    assert ((confidence > 0) & (confidence <= 1)).all()


@pytest.mark.parametrize("model", list(MODELS))
def test_the_seed_decides_to_the_last_bit(model: ModelName) -> None:
    answers = [predict(fit(model, *blobs(300, 1), seed=5), blobs(100, 2)[0]) for _ in range(2)]
    assert all(np.array_equal(one, two) for one, two in zip(*answers, strict=True))


@pytest.mark.parametrize("model", list(MODELS))
def test_rows_of_one_class_train_the_model_that_always_answers_it(model: ModelName) -> None:
    predicted, _ = predict(fit(model, blobs(5, 1)[0], np.full(5, 2), seed=0), blobs(7, 2)[0])
    assert predicted.tolist() == [2] * 7


def test_no_rows_get_no_predictions() -> None:
    predicted, confidence = predict(fit("softmax", *blobs(60, 1), seed=0), np.empty((0, 16), np.float32))
    assert (len(predicted), len(confidence)) == (0, 0)
