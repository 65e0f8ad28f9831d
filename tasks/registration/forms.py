"""The forms in which photographs are searched for: a cropped or shifted copy has other bits than its original.

A form is a gray copy seen through a window: inside the bars around it, shifted along both diagonals by three
sixty-fourths of the side, a tenth smaller or a tenth larger. A window is a scale and a shift of coordinates from -1 to
1; pixels beyond the edge repeat it.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.arrays import Bits, Floats, Gray
from tasks.kernel import SIDES, compiled
from tasks.registration.bars import are_framed, windows
from tasks.registration.views import BITS, SIDE, comparable_bits

MOVE, ZOOM = 3 / 32, 0.1  # shift in coordinates, which is half as much of the side; change of scale
MOVED = [(1.0, (x * MOVE, y * MOVE)) for x in (-1, 1) for y in (-1, 1)]
ZOOMED = [(1 - ZOOM, (0.0, 0.0)), (1 + ZOOM, (0.0, 0.0))]
FORMS = 2 + len(MOVED) + len(ZOOMED)  # original, trimmed, moved, zoomed


def other_forms(copies: Gray) -> list[Bits]:
    """Return the bits, uint8 (n, 98) each, of copies, uint8 (n, 64, 64), in all forms but the original.

    The trimmed form has no bits if there is nothing to trim.
    """
    gray = copies.astype(np.float32)  # once for all windows
    fixed = [_seen(gray, np.full((1, 2), scale), np.array([shift])) for scale, shift in MOVED + ZOOMED]
    return [trimmed_form(copies), *map(comparable_bits, fixed)]


def trimmed_form(copies: Gray) -> Bits:
    """Return the bits, uint8 (n, 98), of framed copies inside their bars, and none of others."""
    bits, window = np.zeros((len(copies), -(-BITS // 8)), np.uint8), windows(copies)
    if (some := are_framed(window)).any():
        bits[some] = comparable_bits(_seen(copies[some].astype(np.float32), window[some, :2], window[some, 2:]))
    return bits


def mirrored_form(copies: Gray) -> Bits:
    """Return the bits of mirrored copies, uint8 (n, 98), given copies, uint8 (n, 64, 64)."""
    gray = copies[:, :, ::-1].astype(np.float32)
    return comparable_bits(_seen(gray, np.ones((1, 2)), np.zeros((1, 2))))


def _seen(gray: NDArray[np.float32], scale: Floats, shift: Floats) -> Gray:
    """Return small copies of float32 (n, 64, 64) seen through windows, (n, 2) or a common one: x and y."""
    across, down = (_weights(scale[:, axis], shift[:, axis], gray.shape[1]) for axis in (0, 1))
    if (kernel := compiled()) and gray.shape[1] == max(SIDES):
        seen = np.empty((len(gray), SIDE, SIDE), np.uint8)
        kernel.seen(np.ascontiguousarray(gray), len(gray), down, across, down[0].size if len(down) > 1 else 0, seen)
        return seen
    small = np.matmul(np.matmul(down, gray), across.transpose(0, 2, 1))
    return np.rint(small).astype(np.uint8)


def _weights(scale: Floats, shift: Floats, side: int) -> NDArray[np.float32]:
    """Return the weight of each pixel of a line in each pixel of a smaller one: triangles as wide as their source."""
    centre = (np.arange(SIDE) + 0.5) * (2 / SIDE) - 1
    middle = ((centre * scale[:, None] + shift[:, None] + 1) * (side / 2))[:, :, None]
    width = (scale * (side / SIDE))[:, None, None]
    places = np.arange(-side // 4, side + side // 4)  # with a margin that repeats the edge
    weight = np.clip(1 - np.abs(places + 0.5 - middle) / width, 0, None)
    folded = np.zeros((*weight.shape[:2], side))
    inside = (places >= 0) & (places < side)
    folded += weight[:, :, inside]
    folded[:, :, 0] += weight[:, :, places < 0].sum(axis=2)
    folded[:, :, -1] += weight[:, :, places >= side].sum(axis=2)
    return (folded / folded.sum(axis=2, keepdims=True)).astype(np.float32)
