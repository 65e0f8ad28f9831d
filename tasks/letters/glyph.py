"""What an image is: how it is decoded, and the bits that describe it to the overlap engine.

This module alone knows that an image is a square of 8-bit gray and that its view is ink.
"""

import base64
import binascii
import math
import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.images import CENTRE, SCALE, as_rows

INK_ABOVE = 127
COUNTER = re.compile(r"_\d+$")


def decode(images: Sequence[bytes], side: int) -> NDArray[np.uint8]:
    """Decode images that passed `tasks.letters.png.filtered_rows`, all in one call of Pillow's PNG decoder.

    A blank row in front of each image gives its first row the neighbours that it has alone, so that
    many images are one tall picture to the decoder, which costs a tenth of decoding each.

    Parameters
    ----------
    images : sequence of bytes
        Filtered rows of each image.
    side : int
        Width and height of an image, in pixels.

    Returns
    -------
    ndarray
        Gray values, uint8, shape (n, side, side), row by row from the top.
    """
    blank = bytes(side + 1)
    tall = zlib.compress(b"".join(part for rows in images for part in (blank, rows)), level=0)
    picture = Image.frombytes("L", (side, len(images) * (side + 1)), tall, "zip", "L", 0)
    return np.asarray(picture).reshape(len(images), side + 1, side)[:, 1:]


def mean_and_deviation(gray: NDArray[np.uint8]) -> tuple[float, float]:
    """Return mean and standard deviation of the normalized pixels, from exact integer sums.

    >>> mean_and_deviation(np.array([[0, 255]], np.uint8))
    (0.0, 0.5)
    """
    n, total, squares = gray.size, int(gray.sum(dtype=np.int64)), 0
    for image in np.array_split(gray, len(gray) // 4096 + 1):
        values = image.ravel().astype(np.float64)
        squares += int(values @ values)  # integers below 2^53: float64 holds every partial sum exactly
    return (total / n - CENTRE) / SCALE, math.sqrt(n * squares - total**2) / n / SCALE


def ink_bits(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink (gray > 127) of images as packed bits, row by row, first pixel in the highest bit.

    Parameters
    ----------
    gray : ndarray
        uint8, shape (n, side, side).

    Returns
    -------
    ndarray
        uint8, shape (n, ceil(side * side / 8)).
    """
    return np.packbits(as_rows(gray) > INK_ABOVE, axis=1)


def one_colour(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say of each image (n, side, side) whether all its pixels are equal."""
    flat = as_rows(gray)
    return (flat == flat[:, :1]).all(axis=1)


def font_of(member: str) -> str | None:
    """Return the font that a member's name gives: URL-safe base64, perhaps with a counter behind.

    >>> font_of("RnJlaWdodERpc3BCb29rSXRhbGljLnR0Zg==.png"), font_of("RGVqYVZ1LnR0Zg==_3.png"), font_of("0645.png")
    ('FreightDispBookItalic.ttf', 'DejaVu.ttf', None)
    """
    stem = COUNTER.sub("", member.removesuffix(".png"))
    try:
        font = base64.b64decode(stem, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return font if font.isprintable() and "." in font else None
