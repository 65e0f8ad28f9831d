"""The photo view, for photographs: bits propose candidates, and aligned gray copies decide.

The bits are signs of the gradients of a small gray copy, with a dead zone: relatively small gradients are background.
Images of the same kind, such as X-rays or products on white, share most of them, so similar bits never prove a
duplicate; see `tasks.registration`.
"""

import numpy as np

from tasks.arrays import Bits, Gray, Mask
from tasks.registration.view import View

SIDE = 16  # of the gray copy
LOWEST = 0.86  # lowest possible agreement of duplicates
BITS = 4 * (SIDE - 2) ** 2  # four planes: gradients to the right, left, bottom, top
ONE_PLANE = 0.8  # largest share of the set bits in one plane; above it, the bits carry too little information


def photo_bits(gray: Gray) -> Bits:
    """Return packed bits, uint8 (n, 98), of small gray copies, uint8 (n, 16, 16), first bit most significant.

    With d the 392 horizontal and vertical Sobel gradients of a copy, bit k is ``d_k > rms(d) / 4`` and bit 392 + k is
    ``d_k < -rms(d) / 4``; ties are background. Copies are Pillow's "L" and antialiased BILINEAR.
    """
    g = gray.astype(np.int16)  # small: a million images have eight forms each
    down = g[:, :-2] + 2 * g[:, 1:-1] + g[:, 2:]
    right = g[:, :, :-2] + 2 * g[:, :, 1:-1] + g[:, :, 2:]
    d = np.stack([down[:, :, 2:] - down[:, :, :-2], right[:, 2:] - right[:, :-2]], axis=1).reshape(len(g), BITS // 2)
    squares = np.multiply(d, d, dtype=np.int32)  # at most 1020 squared
    big = squares > squares.sum(axis=1, keepdims=True, dtype=np.int32) // (16 * d.shape[1])
    return np.packbits(np.concatenate([big & (d > 0), big & (d < 0)], axis=1), axis=1)


def comparable_bits(gray: Gray) -> Bits:
    """Return the bits of the photo view, or none for images whose bits carry too little information."""
    bits = photo_bits(gray)
    bits[says_too_little(bits)] = 0
    return bits


def says_too_little(bits: Bits) -> Mask:
    """Return which images have no bits or almost all in one plane, so that they can only have exact duplicates.

    >>> says_too_little(np.zeros((1, 98), np.uint8)).tolist()
    [True]
    """
    planes = np.unpackbits(bits, axis=1, count=BITS).reshape(len(bits), 4, BITS // 4).sum(axis=2)
    total = planes.sum(axis=1)
    little: Mask = (total == 0) | (planes.max(axis=1) > ONE_PLANE * total)
    return little


PHOTO = View(
    name="photo",
    on_pixels=True,
    side=SIDE,
    length=BITS,
    bits=comparable_bits,
    column="agreement",
    floor=LOWEST,
    recall=0.93,
    recall_from=0.60,
    permutations=672,  # candidates are not very similar, so signatures must be longer, see docs/overlap.md
    sentence="Images are aligned before they are compared; models see a gray copy of {side} pixels a side.",
    variants=("mirrored",),
)
