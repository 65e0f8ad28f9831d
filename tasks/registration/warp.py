"""Affine maps between images: coordinates, interpolation, and smaller copies.

Coordinates run from -1 to 1 over the sides of an image, so one map serves copies of any size. A map is float32 (2, 3):
``map @ (x, y, 1)`` is the position in the second image under the position (x, y) of the first.
"""

from functools import cache

import numpy as np

from tasks import kernel
from tasks.arrays import Gray, Mask, Pixels

IDENTITY = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


@cache
def line(side: int) -> Pixels:
    """Return the coordinate of each pixel of a line, float32 (side,)."""
    return (np.arange(side, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / side) - 1


def halved(pictures: Pixels) -> Pixels:
    """Return images at half the side, by averaging four pixels."""
    lines = pictures[:, ::2] + pictures[:, 1::2]
    means: Pixels = lines[:, :, ::2] + lines[:, :, 1::2]
    means /= 4
    return means


def quartered(gray: Gray) -> Pixels:
    """Return gray copies, uint8 (n, side, side), at a quarter of the side, float32: the means of sixteen pixels."""
    n, side, _ = gray.shape
    if (compiled := kernel.functions) and side == kernel.SIDE:
        small = np.empty((n, side // 4, side // 4), np.float32)
        compiled.quarter(np.ascontiguousarray(gray), n, small)
        return small
    return halved(halved(gray.astype(np.float32)))


def contiguous(pictures: Pixels) -> Pixels:
    """Return images as the kernel reads them."""
    return np.ascontiguousarray(pictures, np.float32)


def warped(pictures: Pixels, maps: Pixels) -> tuple[Pixels, Mask]:
    """Return images, float32 (n, side, side), mapped onto others, and where they have values.

    The maps are float32 (n, 2, 3); the bilinear values are float32 (n, side * side), beyond the edge those of the edge;
    the mask of values inside is bool of the same shape.

    >>> values, inside = warped(np.arange(4, dtype=np.float32).reshape(1, 2, 2), IDENTITY[None])
    >>> [round(value, 2) for value in values[0].tolist()], bool(inside.all())
    ([0.0, 1.0, 2.0, 3.0], True)
    """
    n, side, _ = pictures.shape
    u, v = (_places(maps[:, axis], side) for axis in (0, 1))
    inside = (np.abs(u) <= 1) & (np.abs(v) <= 1)
    return _interpolated(pictures, u, v).reshape(n, side**2), inside.reshape(n, side**2)


def _places(row: Pixels, side: int) -> Pixels:
    """Return one coordinate of the first image's pixels in the second, float32 (n, side, side)."""
    x, y, shift = (row[:, number, None] for number in range(3))
    return (x * line(side))[:, None, :] + (y * line(side) + shift)[:, :, None]


def _interpolated(pictures: Pixels, u: Pixels, v: Pixels) -> Pixels:
    """Return bilinear values at coordinates, which are overwritten."""
    n, side, _ = pictures.shape
    for place in (u, v):  # fractional pixel numbers, limited to the last pair of neighbours
        place *= np.float32(side / 2)
        place += np.float32(side / 2 - 0.5)
        np.clip(place, 0, np.float32(side - 1.001), out=place)
    column, row = np.floor(u), np.floor(v)
    u -= column
    v -= row
    row *= side
    row += column
    at = row.astype(np.int64)  # the type that indexing needs
    at += np.arange(0, n * side**2, side**2)[:, None, None]
    flat = pictures.reshape(-1)
    # All are inside, since maps are finite; wrapping is quicker than checking.
    top, right, bottom, further = (flat[start:].take(at, mode="wrap") for start in (0, 1, side, side + 1))
    top += (right - top) * u
    bottom += (further - bottom) * u
    bottom -= top
    bottom *= v
    top += bottom
    return top
