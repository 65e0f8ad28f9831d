"""Smooth images, and make two equally sharp: a blurred copy lacks the finest structure of its original.

Filters are Gaussian. The sharpness of an image is the energy of its finest octave relative to the next one. Most pairs
are about equally sharp; in the others, the sharper image is smoothed until both are. Beyond its edge, an image then
continues as in a mirror, since structure at the edge would count less if the edge repeated.
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from tasks import kernel
from tasks.arrays import Pixels
from tasks.registration.warp import contiguous

Beyond = Literal["nearest", "reflect"]
TRUNCATED = 3.0  # standard deviations: radius of the filter
FINE, COARSE = 1.0, 2.0  # pixels of a side of 64: smoothing that removes the finest octave, and the next
DEVIATIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)  # of smoothing, in ascending order
CLEARLY = 1.15  # ratio of sharpness


def smoothed(pictures: Pixels, deviation: float, beyond: Beyond = "nearest") -> Pixels:
    """Return images, float32 (n, side, side), smoothed with a standard deviation in pixels.

    Beyond the edge, the edge repeats ("nearest"), or the image as in a mirror ("reflect").
    """
    even = np.eye(pictures.shape[1])
    weights = gaussian_filter1d(even, deviation, axis=0, mode=beyond, truncate=TRUNCATED).astype(np.float32)
    return np.matmul(np.matmul(weights, pictures), weights.T)  # each by itself: its result does not depend on others


@cache
def half_filter(deviation: float) -> Pixels:
    """Return the weights of the filter from the middle on, float32 (radius + 1,), for the kernel."""
    reach = int(TRUNCATED * deviation + 0.5)
    weights = gaussian_filter1d(np.eye(2 * reach + 1), deviation, axis=0, mode="constant", truncate=TRUNCATED)
    return np.ascontiguousarray(weights[reach:, reach], np.float32)


def equally_sharp(first: Pixels, second: Pixels) -> tuple[Pixels, Pixels]:
    """Return pairs of images, float32 (n, side, side), the sharper one smoothed to match the other.

    Pairs of about equal sharpness are unchanged.
    """
    one, two = sharpness(first), sharpness(second)
    return _as_sharp(first, one, two), _as_sharp(second, two, one)


def sharpness(pictures: Pixels) -> Pixels:
    """Return the sharpness of each image, float32 (n,)."""
    if (compiled := kernel.functions) and pictures.shape[1] == kernel.SIDE:
        found = np.empty(len(pictures), np.float32)
        compiled.sharpness(contiguous(pictures), len(pictures), *_filters(), found)
        return found
    fine, coarse = (smoothed(pictures, deviation, "reflect") for deviation in (FINE, COARSE))
    above, below = (np.square(octave).sum(axis=(1, 2)) for octave in (pictures - fine, fine - coarse))
    return (above / (below + np.float32(1e-3 * pictures.shape[1] ** 2))).astype(np.float32, copy=False)


def _as_sharp(pictures: Pixels, own: Pixels, aim: Pixels) -> Pixels:
    """Return images, each smoothed to be about as sharp as its aim if it is clearly sharper."""
    some = np.flatnonzero(own > CLEARLY * aim)
    if not len(some):
        return pictures
    found = pictures.copy()
    if (compiled := kernel.functions) and pictures.shape[1] == kernel.SIDE:
        aims, soft = contiguous(aim[some]), np.empty((len(some), *pictures.shape[1:]), np.float32)
        compiled.soften(contiguous(pictures[some]), aims, len(some), *_filters(), len(DEVIATIONS), soft)
        found[some] = soft
        return found
    forms = [pictures[some], *(smoothed(pictures[some], deviation, "reflect") for deviation in DEVIATIONS)]
    off = np.abs([np.log((sharpness(form) + 1e-9) / (aim[some] + 1e-9)) for form in forms])
    found[some] = np.stack(forms)[off.argmin(axis=0), np.arange(len(some))]
    return found


@cache
def _filters() -> tuple[Pixels, int, NDArray[np.int32]]:
    """Return half of the filter of each smoothing, float32 (n, width), their width, and the radius of each."""
    halves = [half_filter(deviation) for deviation in (FINE, COARSE, *DEVIATIONS)]
    width = max(map(len, halves))
    padded = np.stack([np.pad(one, (0, width - len(one))) for one in halves])
    return padded, width, np.array([len(one) - 1 for one in halves], np.int32)
