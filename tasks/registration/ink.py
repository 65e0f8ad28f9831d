"""The ink view, for glyphs: which pixels are ink."""

import numpy as np
from PIL import Image

from tasks.arrays import Bits, Gray
from tasks.registration.view import View

INK_ABOVE = 127
ONLY_FIRST, ONLY_SECOND = (213, 94, 0), (0, 114, 178)  # orange and blue that the colour-blind can tell apart


def ink_bits(gray: Gray) -> Bits:
    """Return the ink (gray > 127) of images, uint8 (n, side, side), as packed bits, uint8 (n, ceil(side * side / 8)).

    They go row by row, with the first pixel in the highest bit.
    """
    return np.packbits(gray.reshape(len(gray), gray.shape[1] * gray.shape[2]) > INK_ABOVE, axis=1)


def difference(one: Gray, two: Gray) -> Gray:
    """Return what two images share in gray, on white, and what only one of them has in its colour."""
    one, two = _as_gray(one), _as_gray(two)
    canvas = np.stack([255 - np.minimum(one, two) // 2] * 3, axis=-1)
    canvas[(one > INK_ABOVE) & (two <= INK_ABOVE)] = ONLY_FIRST
    canvas[(two > INK_ABOVE) & (one <= INK_ABOVE)] = ONLY_SECOND
    return canvas


def _as_gray(image: Gray) -> Gray:
    return image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))


INK = View(
    name="ink",
    on_pixels=False,
    bits=ink_bits,
    column="jaccard",
    threshold=0.95,
    floor=0.90,
    recall=0.99,
    permutations=128,
    difference=difference,
    legend="orange where only the row has ink, blue where only its twin has",
)
