"""Compare the colours of two pictures, since the agreement of gray copies does not see them.

A copy may lose its colours, or change them a little. If both pictures have strong colours, but other ones at the same
places, as flags and signs of one shape, they may be two pictures.
"""

import numpy as np
from PIL import Image

from tasks.arrays import Bits, Floats, Gray, Mask

FINE, CELLS = 8, 4  # cells a side, as stored and as compared: crops and moves hardly change coarse ones
STRONG = 16.0  # root mean square of the differences of blue and red from gray, of at most 128
SAME = 0.5  # cosine of the angle between colours of the same picture: 60 degrees


def colours_of(pixels: Gray) -> bytes:
    """Return Cb and Cr as in JPEG (ITU-T T.871), uint8 (2, 8, 8), of a picture, uint8 (height, width[, 3])."""
    cells = Image.fromarray(pixels).convert("RGB").resize((FINE, FINE), Image.Resampling.BOX)
    return np.asarray(cells.convert("YCbCr")).transpose(2, 0, 1)[1:].tobytes()


def colours_inside(colours: Bits, window: Floats) -> Bits:
    """Return the colours of pictures seen through windows, float64 (n, 4), in fewer cells: (n, 128) to (n, 32) uint8.

    A window is a scale and a shift of coordinates from -1 to 1, of x and of y.
    """
    points = (np.arange(CELLS**2) + 0.5) * (2 / CELLS**2) - 1
    place = (window[:, :2, None] * points + window[:, 2:, None] + 1) * (FINE / 2)
    x, y = np.clip(place.astype(np.int64), 0, FINE - 1).transpose(1, 0, 2)
    images, plane = np.arange(len(colours))[:, None, None, None], np.arange(2)[:, None, None]
    seen = colours.reshape(-1, 2, FINE, FINE)[images, plane, y[:, None, :, None], x[:, None, None, :]]
    means = seen.reshape(-1, 2, CELLS, CELLS, CELLS, CELLS).mean(axis=(3, 5))
    return np.rint(means).astype(np.uint8).reshape(-1, 2 * CELLS**2)


def differ_in_colour(first: Bits, second: Bits, mirrored: bool = False) -> Mask:
    """Return which pairs of pictures have other colours, bool (n,), by their `colours_inside`, uint8 (n, 32).

    The colours are vectors of Cb and Cr of all cells; the first of each is mirrored or not.
    """
    one, two = (each.reshape(-1, 2, CELLS, CELLS).astype(np.float64) - 128 for each in (first, second))
    one = one[..., ::-1] if mirrored else one
    product, *squares = ((a * b).sum(axis=(1, 2, 3)) for a, b in ((one, two), (one, one), (two, two)))
    strong = np.minimum(*squares) >= (CELLS * STRONG) ** 2
    return strong & (product < SAME * np.sqrt(squares[0] * squares[1]))
