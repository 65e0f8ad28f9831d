"""Views: how images are compared: glyphs by the pixels that are ink, photographs by gradients.

The bits of photographs are signs of the gradients of a small gray copy, with a dead zone: relatively small gradients
are background. Images of the same kind, such as X-rays or products on white, share most of them, so similar bits never
prove a duplicate: they propose candidates, and aligned gray copies decide.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Bits, Gray
from tasks.vocabulary import Variant, ViewName

INK_ABOVE = 127
SIDE = 16  # of the gray copy of a photograph
LOWEST = 0.86  # lowest possible agreement of photographs that are duplicates
BITS = 4 * (SIDE - 2) ** 2  # four planes: gradients to the right, left, bottom, top
ONE_PLANE = 0.8  # largest share of the set bits in one plane; above it, the bits carry too little information


@dataclass(frozen=True, kw_only=True)
class View:
    """How bits describe an image, and when two images are duplicates by them.

    Its functions belong to modules, so that it can be sent to another process.
    """

    name: ViewName
    on_pixels: bool  # bits only propose candidates, and aligned gray copies decide
    side: int | None = None  # width and height of the gray copies for the bits; None for the size of the images
    length: int | None = None  # bits per image; None for one per pixel
    bits: Callable[[Gray], Bits]  # of gray copies, uint8 (n, side, side): packed, uint8 (n, ceil(length / 8))
    column: str  # name of the similarity in tables
    threshold: float | None = None  # lowest similarity of duplicates; None if it depends on the set
    floor: float  # lowest similarity to report
    recall: float  # probability that MinHash finds a pair at the similarity `recall_from`
    recall_from: int | None = None  # percent; None for the floor
    permutations: int  # of a MinHash signature, at most; fixed, so that the stated recall holds for one configuration
    sentence: str = ""  # about the comparison, for reports
    variants: tuple[Variant, ...] = ()  # transformed images to search for on request


def ink_bits(gray: Gray) -> Bits:
    """Return the ink (gray > 127) of images, uint8 (n, side, side), as packed bits, uint8 (n, ceil(side * side / 8)).

    Bits are in row order, the first pixel in the highest bit.
    """
    return np.packbits(gray.reshape(len(gray), gray.shape[1] * gray.shape[2]) > INK_ABOVE, axis=1)


def comparable_bits(gray: Gray) -> Bits:
    """Return packed bits, uint8 (n, 98), of small gray copies, uint8 (n, 16, 16), first bit most significant.

    With d the 392 horizontal and vertical Sobel gradients of a copy, bit k is ``d_k > rms(d) / 4`` and bit 392 + k is
    ``d_k < -rms(d) / 4``; ties are background. Images with almost all bits in one plane have none, and can only have
    exact duplicates. Copies are Pillow's "L" and antialiased BILINEAR.
    """
    g = gray.astype(np.int16)  # small: a million images have eight forms each
    down = g[:, :-2] + 2 * g[:, 1:-1] + g[:, 2:]
    right = g[:, :, :-2] + 2 * g[:, :, 1:-1] + g[:, :, 2:]
    d = np.stack([down[:, :, 2:] - down[:, :, :-2], right[:, 2:] - right[:, :-2]], axis=1).reshape(len(g), BITS // 2)
    squares = np.multiply(d, d, dtype=np.int32)  # at most 1020 squared
    big = squares > squares.sum(axis=1, keepdims=True, dtype=np.int32) // (16 * d.shape[1])
    bits = np.concatenate([big & (d > 0), big & (d < 0)], axis=1)
    planes = bits.reshape(len(g), 4, BITS // 4).sum(axis=2)
    bits[planes.max(axis=1) > ONE_PLANE * planes.sum(axis=1)] = False
    return np.packbits(bits, axis=1)


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
PHOTO = View(
    name="photo",
    on_pixels=True,
    side=SIDE,
    length=BITS,
    bits=comparable_bits,
    column="agreement",
    floor=LOWEST,
    recall=0.93,
    recall_from=60,
    permutations=672,  # candidates are not very similar, so signatures must be longer, see docs/overlap.md
    sentence="Images are aligned before they are compared; models see a gray copy of {side} pixels a side.",
    variants=("mirrored",),
)
VIEWS: dict[ViewName, View] = {view.name: view for view in (INK, PHOTO)}
