"""Views: how images are compared. That of glyphs is here; it looks at which pixels are ink."""

import numpy as np

from tasks.arrays import Bits, Gray
from tasks.registration.photo import PHOTO
from tasks.registration.view import View
from tasks.vocabulary import ViewName

INK_ABOVE = 127


def ink_bits(gray: Gray) -> Bits:
    """Return the ink (gray > 127) of images, uint8 (n, side, side), as packed bits, uint8 (n, ceil(side * side / 8)).

    Bits are in row order, the first pixel in the highest bit.
    """
    return np.packbits(gray.reshape(len(gray), gray.shape[1] * gray.shape[2]) > INK_ABOVE, axis=1)


INK = View(
    name="ink",
    on_pixels=False,
    bits=ink_bits,
    column="jaccard",
    threshold=0.95,
    floor=0.90,
    recall=0.99,
    permutations=128,
)
VIEWS: dict[ViewName, View] = {view.name: view for view in (INK, PHOTO)}
