"""Smooth images with a Gaussian filter."""

from functools import cache
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from tasks.arrays import Pixels
from tasks.registration.warp import along_both

Beyond = Literal["nearest", "reflect"]
TRUNCATED = 3.0  # standard deviations: radius of the filter


def smoothed(pictures: Pixels, deviation: float, beyond: Beyond = "nearest") -> Pixels:
    """Return images, float32 (n, side, side), smoothed with a standard deviation in pixels.

    Beyond the edge, the edge repeats ("nearest"), or the image as in a mirror ("reflect").
    """
    return along_both(_weights(pictures.shape[1], deviation, beyond), pictures)


@cache
def half_filter(deviation: float) -> Pixels:
    """Return the weights of the filter from the middle on, float32 (radius + 1,), for the kernel."""
    reach = int(TRUNCATED * deviation + 0.5)
    weights = gaussian_filter1d(np.eye(2 * reach + 1), deviation, axis=0, mode="constant", truncate=TRUNCATED)
    return np.ascontiguousarray(weights[reach:, reach], np.float32)


@cache
def _weights(side: int, deviation: float, beyond: Beyond) -> Pixels:
    return gaussian_filter1d(np.eye(side), deviation, axis=0, mode=beyond, truncate=TRUNCATED).astype(np.float32)
