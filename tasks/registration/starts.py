"""The initial map between two images: the best of 75 shifts and scales of small copies."""

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from tasks.arrays import Pixels, RowNumbers
from tasks.registration.warp import line

SHIFTS = (-0.25, -0.125, 0.0, 0.125, 0.25)  # in coordinates, so up to an eighth of the side
SCALES = (0.87, 1.0, 1.15)
AROUND = 7  # pixels: side of the box whose mean is subtracted, since brightness tells little about position


@cache
def starts(side: int) -> tuple[Pixels, RowNumbers, Pixels, Pixels]:
    """Return 75 maps, float32 (75, 2, 3), and the pixels of the second image under each pixel of the first.

    The latter are pixel numbers, int64 (75, pixels), one past the last where there is no pixel; whether there is one,
    float32 (75, pixels); and how often each pixel of the second is used, float32 (pixels, 75).
    """
    x, y = np.tile(line(side), side), np.repeat(line(side), side)
    maps, under, inside, pixels = [], [], [], side**2
    for scale, down, right in product(SCALES, SHIFTS, SHIFTS):
        maps.append([[scale, 0, right], [0, scale, down]])
        u, v = scale * x + right, scale * y + down
        column, row = (np.clip(np.floor((at + 1) * side / 2), 0, side - 1).astype(np.int64) for at in (u, v))
        inside.append((np.abs(u) <= 1) & (np.abs(v) <= 1))
        under.append(np.where(inside[-1], row * side + column, pixels))
    times = np.stack([np.bincount(one, minlength=pixels + 1)[:pixels] for one in under], axis=1)
    return np.array(maps, np.float32), np.stack(under), np.stack(inside).astype(np.float32), times.astype(np.float32)


@cache
def under_line(side: int = 16) -> NDArray[np.int32]:
    """Return the numbers of the pixels under those of a line, int32 (scales * shifts, side), or -1 outside."""
    places = [scale * line(side) + shift for scale, shift in product(SCALES, SHIFTS)]
    return np.stack([np.where(np.abs(at) <= 1, np.floor((at + 1) * side / 2), -1) for at in places]).astype(np.int32)


def best_start(first: Pixels, second: Pixels) -> Pixels:
    """Return for each pair the map with the best correlation, float32 (n, 2, 3).

    A partial overlap must correlate better: the correlation is multiplied by half of one plus the share of the overlap.
    """
    maps, under, inside, times = starts(second.shape[1])
    n, pixels = len(second), second.shape[1] ** 2
    a, b = ((each - uniform_filter(each, (0, AROUND, AROUND))).reshape(n, pixels) for each in (first, second))
    # Pixels first: the values under a pixel are then contiguous in memory for all pairs.
    by_pixel = np.ascontiguousarray(a.T), np.concatenate([b.T, np.zeros((1, n), np.float32)])
    products = [np.einsum("pn,pn->n", by_pixel[0], by_pixel[1][there]) for there in under]
    count = inside.sum(axis=1)
    sum_a, squares_a = a @ inside.T, (a * a) @ inside.T
    sum_b, squares_b = b @ times, (b * b) @ times
    both = np.stack(products, axis=1) - sum_a * sum_b / count
    of_a, of_b = squares_a - sum_a**2 / count, squares_b - sum_b**2 / count
    correlation = both / np.sqrt(np.maximum(of_a * of_b, 0) + np.float32(1e-3))
    best = (correlation * (0.5 + 0.5 * count / pixels)).argmax(axis=1)
    return maps[best]
