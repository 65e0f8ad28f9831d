"""Make two images equally sharp, since a blurred copy lacks the finest structure of its original.

The sharpness of an image is the energy of its finest octave relative to the next one. Smoothing with mirrored edges
multiplies a cosine transform, so one transform gives the sharpness after every smoothing.
"""

from functools import cache

import numpy as np
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d

from tasks.arrays import Floats, Pixels
from tasks.kernel import SIDES, compiled
from tasks.registration.warp import along_both, contiguous

DEVIATIONS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)  # pixels of a side of 64
CLEARLY = 1.15  # ratio of sharpness
FINE, COARSE = 1.0, 2.0  # pixels: smoothing that removes the finest octave, and the next


def equally_sharp(first: Pixels, second: Pixels) -> tuple[Pixels, Pixels]:
    """Return pairs of images, float32 (n, side, side), the sharper one smoothed to match the other.

    Pairs of about equal sharpness are unchanged.
    """
    side = first.shape[1]
    if (kernel := compiled()) and side == max(SIDES):
        sharp = np.empty_like(first, order="C"), np.empty_like(second, order="C")
        gains = np.stack([_along(side, deviation) for deviation in (*DEVIATIONS, FINE, COARSE)]).astype(np.float32)
        given = contiguous(first), contiguous(second), len(first), _cosines(side), gains
        kernel.equally_sharp(*given, len(DEVIATIONS), *sharp)
        return sharp
    cosines = _cosines(side)
    one, two = along_both(cosines, first), along_both(cosines, second)
    curves = _sharpness(one), _sharpness(two)
    return _as_sharp(first, one, *curves), _as_sharp(second, two, *curves[::-1])


def _as_sharp(pictures: Pixels, transformed: Pixels, curves: Pixels, others: Pixels) -> Pixels:
    """Return images that are clearly sharper than the others, with the smoothing that makes them equally sharp."""
    aim, side = others[:, :1], pictures.shape[1]
    best = np.abs(np.log((curves + 1e-9) / (aim + 1e-9))).argmin(axis=1)
    some = np.flatnonzero((curves[:, 0] > CLEARLY * aim[:, 0]) & (best > 0))
    if not len(some):
        return pictures
    gains = np.stack([_gain(side, DEVIATIONS[number]) for number in best[some].tolist()])
    smoothed = pictures.copy()
    smoothed[some] = along_both(np.ascontiguousarray(_cosines(side).T), transformed[some] * gains)
    return smoothed


def _sharpness(transformed: Pixels) -> Pixels:
    """Return the sharpness of each image after each smoothing, float32 (n, deviations)."""
    n, side, _ = transformed.shape
    power = (transformed * transformed).reshape(n, -1)
    fine, coarse = _octaves(side)
    return np.divide(power @ fine, power @ coarse + np.float32(1e-3 * side * side), dtype=np.float32)


@cache
def _octaves(side: int) -> tuple[Pixels, Pixels]:
    """Return the contribution of each coefficient to the finest octave and the next, (pixels, deviations)."""
    fine, coarse = 1 - _gain(side, FINE), _gain(side, FINE) - _gain(side, COARSE)
    gains = [_gain(side, deviation) for deviation in DEVIATIONS]
    one, two = (
        np.stack([((gain * octave) ** 2).ravel() for gain in gains], axis=1).astype(np.float32)
        for octave in (fine, coarse)
    )
    return one, two


@cache
def _gain(side: int, deviation: float) -> Pixels:
    """Return the factor of each coefficient of a cosine transform under smoothing, float32 (side, side)."""
    along = _along(side, deviation)
    return np.outer(along, along).astype(np.float32)


@cache
def _along(side: int, deviation: float) -> Floats:
    """Return the factor of each coefficient of a line, float64 (side,)."""
    if not deviation:
        return np.ones(side)
    smoothed = gaussian_filter1d(np.eye(side), deviation, axis=0, mode="reflect")
    basis = dct(np.eye(side), axis=0, norm="ortho")
    return np.einsum("kp,pq,kq->k", basis, smoothed, basis)


@cache
def _cosines(side: int) -> Pixels:
    return dct(np.eye(side), axis=0, norm="ortho").astype(np.float32)
