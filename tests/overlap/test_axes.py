"""Axes are orthonormal whatever they come from, since bounds are true along no others; and they show what varies."""

import numpy as np
import pytest

from tasks.arrays import Pixels
from tasks.overlap.bounds import principal_axes

N = 784
RNG = np.random.default_rng(0)
SAMPLES = {
    "noise": RNG.random((1024, N)) < 0.3,
    "one form": np.tile(RNG.random(N) < 0.3, (600, 1)),
    "two forms": np.repeat(RNG.random((2, N)) < 0.3, 300, axis=0),
    "blank": np.zeros((500, N)),
    "one row": RNG.random((1, N)) < 0.3,
    "fewer rows than axes": RNG.random((40, N)) < 0.3,
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_axes_are_orthonormal_whatever_the_sample(sample: Pixels) -> None:
    axes = principal_axes(sample.astype(np.float32), 256)
    assert axes.shape == (N, min(256, len(sample)))
    assert np.abs(axes.T.astype(np.float64) @ axes - np.eye(axes.shape[1])).max() < 1e-5


def test_axes_show_nearly_as_much_as_the_best_ones() -> None:
    forms = RNG.random((30, N)) < 0.3
    sample = (forms[RNG.integers(0, 30, 1024)] ^ (RNG.random((1024, N)) < 0.1)).astype(np.float32)
    centred = sample - sample.mean(axis=0)
    best = (np.linalg.svd(centred, compute_uv=False)[:64] ** 2).sum()
    assert ((centred @ principal_axes(sample, 256)[:, :64]) ** 2).sum() > 0.97 * best
