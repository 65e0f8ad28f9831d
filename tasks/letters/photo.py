"""The photo view: signs of the gradients of a small gray copy, with a dead zone.

Levels of gray say nothing of photographs, and their thresholds flip like coins where a picture is flat. Gradients that
are small beside the picture's own are background here, so two pictures are compared where something is.
"""

import numpy as np
from numpy.typing import NDArray

SIDE = 16  # of the gray copy
BITS = 4 * (SIDE - 2) ** 2  # four planes: gradients to the right, left, bottom, top
ONE_PLANE = 0.8  # share of a picture's set bits in one plane from which the others say too little
Gray = NDArray[np.uint8]
Bits = NDArray[np.uint8]


def photo_bits(gray: Gray) -> Bits:
    """Return the packed bits of the photo view.

    With d the 392 horizontal and vertical Sobel gradients of a copy, bit k says ``d_k > rms(d) / 4`` and bit 392 + k
    ``d_k < -rms(d) / 4``; ties are background.

    Parameters
    ----------
    gray : ndarray
        uint8 (n, 16, 16): Pillow's "L" and antialiased BILINEAR.

    Returns
    -------
    ndarray
        uint8 (n, 98), first bit in the highest place.
    """
    g = gray.astype(np.int64)
    down = g[:, :-2] + 2 * g[:, 1:-1] + g[:, 2:]
    right = g[:, :, :-2] + 2 * g[:, :, 1:-1] + g[:, :, 2:]
    d = np.concatenate([_flat(down[:, :, 2:] - down[:, :, :-2]), _flat(right[:, 2:] - right[:, :-2])], axis=1)
    big = 16 * d * d * d.shape[1] > (d * d).sum(axis=1, keepdims=True)
    return np.packbits(np.concatenate([big & (d > 0), big & (d < 0)], axis=1), axis=1)


def says_too_little(bits: Bits) -> NDArray[np.bool_]:
    """Say of each picture whether its bits are none, or lie almost all in one plane: it is compared exactly only.

    >>> says_too_little(np.zeros((1, 98), np.uint8)).tolist()
    [True]
    """
    planes = np.unpackbits(bits, axis=1, count=BITS).reshape(len(bits), 4, BITS // 4).sum(axis=2)
    total = planes.sum(axis=1)
    little: NDArray[np.bool_] = (total == 0) | (planes.max(axis=1) > ONE_PLANE * total)
    return little


def mirrored(gray: Gray) -> Gray:
    """Return the copies seen in a mirror."""
    return gray[:, :, ::-1]


def shifted(gray: Gray) -> list[Gray]:
    """Return the copies moved by one pixel, a sixteenth of their side, in the eight directions."""
    padded = np.pad(gray, ((0, 0), (1, 1), (1, 1)), mode="edge")
    moves = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return [padded[:, y : y + SIDE, x : x + SIDE] for y, x in moves]


def _flat(planes: NDArray[np.int64]) -> NDArray[np.int64]:
    return planes.reshape(len(planes), (SIDE - 2) ** 2)
