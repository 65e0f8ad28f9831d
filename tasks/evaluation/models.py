"""The fitted models of the comparison; `1nn` is in `neighbours`."""

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from tasks.arrays import Labels, Pixels
from tasks.vocabulary import ModelName

warnings.filterwarnings("ignore", "Stochastic Optimizer|lbfgs failed")  # the limits are intended
BATCH, EPOCHS = 128, 20
SGD = {
    "solver": "sgd",
    "learning_rate": "invscaling",  # the step decays as learning_rate_init / t^0.25
    "power_t": 0.25,
    "momentum": 0.9,
    "max_iter": EPOCHS,
    "n_iter_no_change": EPOCHS,  # disables early stopping: all arms train equally long
}
MODELS: dict[ModelName, Callable[[int], ClassifierMixin]] = {  # by the seed
    # Multinomial logistic regression by L-BFGS, as in the course: C = 1, at most 1,000 iterations.
    "softmax": lambda seed: LogisticRegression(max_iter=1000, random_state=seed),
    # Softmax by mini-batch SGD with momentum; no hidden layer.
    "sgd": lambda seed: MLPClassifier((), learning_rate_init=0.1, **SGD, random_state=seed),
    # One hidden layer of 256 rectified units, by the same SGD with a smaller step.
    "mlp": lambda seed: MLPClassifier((256,), learning_rate_init=0.05, **SGD, random_state=seed),
}


def fit(model: ModelName, pixels: Pixels, labels: Labels, seed: int) -> ClassifierMixin:
    """Fit a model by name; on rows of a single class, fit a model that always answers that class.

    `pixels` are float32 (n, pixels) in [-0.5, 0.5], `labels` int64 (n,).
    """
    classifier = MODELS[model](seed) if len(np.unique(labels)) > 1 else DummyClassifier()
    if isinstance(classifier, MLPClassifier):
        classifier.set_params(batch_size=min(BATCH, len(labels)))
    return classifier.fit(pixels, labels)


def predict(classifier: ClassifierMixin, pixels: Pixels) -> tuple[Labels, NDArray[np.float32]]:
    """Return predicted labels, int64 (n,), and their probabilities, float32 (n,)."""
    if not len(pixels):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    probabilities = classifier.predict_proba(pixels)
    return classifier.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1).astype(np.float32)
