"""Affine maps between pictures: coordinates, interpolation, and smaller copies.

Coordinates run from -1 to 1 over the sides of a picture, so one map serves copies of any size. A map is float32 (2, 3):
the place in the second picture that lies under the place (x, y) of the first is ``map @ (x, y, 1)``.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tasks.vocabulary.arrays import Mask, Pixels

IDENTITY = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


@cache
def places(side: int) -> tuple[Pixels, Pixels]:
    """Return x and y of the pixels of a square picture, row by row, float32 (side * side,) each."""
    line = (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / side) - 1
    return np.tile(line, side), np.repeat(line, side)


def halved(pictures: Pixels) -> Pixels:
    """Return pictures at half the side: the means of four pixels."""
    four = pictures[:, ::2, ::2], pictures[:, 1::2, ::2], pictures[:, ::2, 1::2], pictures[:, 1::2, 1::2]
    return (four[0] + four[1] + four[2] + four[3]) * np.float32(0.25)


def warped(pictures: Pixels, maps: Pixels) -> tuple[Pixels, Mask]:
    """Return pictures as they lie under others: bilinear values, and where the picture has any.

    Parameters
    ----------
    pictures : ndarray
        float32 (n, side, side).
    maps : ndarray
        float32 (n, 2, 3).

    Returns
    -------
    values : ndarray
        float32 (n, side * side); outside, those of the nearest edge.
    inside : ndarray
        bool (n, side * side).

    >>> values, inside = warped(np.arange(4, dtype=np.float32).reshape(1, 2, 2), IDENTITY[None])
    >>> [round(value, 2) for value in values[0].tolist()], bool(inside.all())
    ([0.0, 1.0, 2.0, 3.0], True)
    """
    side = pictures.shape[1]
    x, y = places(side)
    u = maps[:, 0, 0, None] * x + maps[:, 0, 1, None] * y + maps[:, 0, 2, None]
    v = maps[:, 1, 0, None] * x + maps[:, 1, 1, None] * y + maps[:, 1, 2, None]
    inside = (np.abs(u) <= 1) & (np.abs(v) <= 1)
    return _interpolated(pictures, _pixel(u, side), _pixel(v, side)), inside


def _pixel(place: Pixels, side: int) -> Pixels:
    """Return fractional pixel numbers, at most those of the last pair of neighbours."""
    return np.clip((place + 1) * np.float32(side / 2) - np.float32(0.5), 0, np.float32(side - 1.001))


def _interpolated(pictures: Pixels, u: Pixels, v: Pixels) -> Pixels:
    n, side, _ = pictures.shape
    column, row = u.astype(np.int32), v.astype(np.int32)
    u, v = u - column, v - row
    flat = pictures.reshape(-1)
    at: NDArray[np.int32] = (np.arange(n, dtype=np.int32) * side * side)[:, None] + row * side + column
    top, bottom = flat[at], flat[at + side]
    top += (flat[at + 1] - top) * u
    bottom += (flat[at + side + 1] - bottom) * u
    values: Pixels = top + (bottom - top) * v
    return values
