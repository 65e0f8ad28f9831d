"""Find the map between two images: the best of 75 shifts and scales, refined by robust Gauss-Newton steps.

The inverse compositional method of Baker and Matthews, Lucas-Kanade 20 Years On (2004), fits gain and offset of the
gray values together with the six numbers of the map. A pixel with error e, in standard deviations, has the weight 1 /
(1 + 4 e^2), so that a caption, a mark or a border has little influence.
"""

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from tasks import kernel
from tasks.arrays import Pixels, RowNumbers
from tasks.kernel import SIDE, SMALL
from tasks.registration.warp import IDENTITY, contiguous, halved, line, warped

STEPS = {16: 6, 32: 4, 64: 2}  # by side
LARGEST_SCALE, LARGEST_SHEAR, LARGEST_SHIFT = 0.35, 0.25, 0.5  # limits of a map's differences from the identity
NEGLIGIBLE = 1e-3  # change of a map's numbers: some hundredths of a pixel on a side of 64
PARAMETERS, TARGET = 8, 6  # of the fit; index of the gain, whose slope is the first image itself
SHIFTS = (-0.25, -0.125, 0.0, 0.125, 0.25)  # in coordinates, so up to an eighth of the side
SCALES = (0.87, 1.0, 1.15)
AROUND = 7  # pixels: side of the box whose mean is subtracted, since brightness tells little about position


def register(first: Pixels, second: Pixels) -> Pixels:
    """Return the map of each pair of images, float32 (n, 64, 64); the maps are float32 (n, 2, 3)."""
    return register_finely(first, second, register_coarsely(halved(halved(first)), halved(halved(second))))


def register_coarsely(first: Pixels, second: Pixels) -> Pixels:
    """Return the map of each pair of images, float32 (n, 16, 16), from the better of two starts."""
    if (compiled := kernel.functions) and second.shape[1] == SMALL:
        first, second, found = contiguous(first), contiguous(second), np.empty((len(first), 2, 3), np.float32)
        shapes = len(SCALES), len(SHIFTS)
        compiled.register_coarsely(first, second, len(first), under_line(SMALL), starts(SMALL)[0], *shapes, found)
        return found
    steps, start = STEPS[second.shape[1]], best_start(first, second)
    maps = refined(first, second, np.tile(IDENTITY, (len(first), 1, 1)), steps)
    other = np.flatnonzero((start != IDENTITY).any(axis=(1, 2)))
    first, second = first[other], second[other]
    from_start = refined(first, second, start[other], steps)
    better = correlation(first, second, from_start) > correlation(first, second, maps[other])
    maps[other[better]] = from_start[better]
    return maps


def register_finely(first: Pixels, second: Pixels, maps: Pixels) -> Pixels:
    """Return refined maps of pairs of images, float32 (n, 64, 64), given the maps of small copies."""
    if (compiled := kernel.functions) and second.shape[1] == SIDE:
        found = maps.astype(np.float32)
        compiled.register_finely(contiguous(first), contiguous(second), len(first), found)
        return found
    maps = refined(halved(first), halved(second), maps, STEPS[SIDE // 2])
    return refined(first, second, maps, STEPS[SIDE])


@cache
def starts(side: int) -> tuple[Pixels, RowNumbers, Pixels, Pixels]:
    """Return 75 maps, float32 (75, 2, 3), and the pixels of the second image under each pixel of the first.

    The latter are pixel numbers, int64 (75, pixels), one past the last where there is no pixel; whether there is one,
    float32 (75, pixels); and how often each pixel of the second is used, float32 (pixels, 75).
    """
    of_line = under_line(side).reshape(len(SCALES), len(SHIFTS), side).astype(np.int64)
    maps, under, pixels = [], [], side**2
    for (number, scale), down, right in product(enumerate(SCALES), range(len(SHIFTS)), range(len(SHIFTS))):
        maps.append([[scale, 0, SHIFTS[right]], [0, scale, SHIFTS[down]]])
        row, column = of_line[number, down][:, None], of_line[number, right]
        under.append(np.where((row >= 0) & (column >= 0), row * side + column, pixels).ravel())
    times = np.stack([np.bincount(one, minlength=pixels + 1)[:pixels] for one in under], axis=1)
    inside = np.stack(under) < pixels
    return np.array(maps, np.float32), np.stack(under), inside.astype(np.float32), times.astype(np.float32)


@cache
def under_line(side: int) -> NDArray[np.int32]:
    """Return which pixel lies under each pixel of a line, int32 (scales * shifts, side); -1 outside."""
    places = [scale * line(side) + shift for scale, shift in product(SCALES, SHIFTS)]
    under = [np.where(np.abs(at) <= 1, np.clip((at + 1) * side / 2, 0, side - 1), -1) for at in places]
    return np.stack(under).astype(np.int32)


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
    return maps[(correlation * (0.5 + 0.5 * count / pixels)).argmax(axis=1)]


def correlation(first: Pixels, second: Pixels, maps: Pixels) -> Pixels:
    """Return the correlation of the gray values of each pair where its images overlap, in [-1, 1]."""
    b, inside = warped(second, maps)
    a, weight = first.reshape(b.shape), inside.astype(np.float32)
    total = weight.sum(axis=1, keepdims=True) + np.float32(1e-6)
    means = [(weight * values).sum(axis=1, keepdims=True) / total for values in (a, b)]
    a, b = (np.subtract(values, mean, dtype=np.float32) for values, mean in zip((a, b), means, strict=True))
    squares = (weight * a * a).sum(axis=1) * (weight * b * b).sum(axis=1)
    return (weight * a * b).sum(axis=1) / np.sqrt(squares + np.float32(1e-3))


def refined(first: Pixels, second: Pixels, maps: Pixels, steps: int) -> Pixels:
    """Return maps after some steps, at most until a step is negligible or leads beyond the allowed distortion."""
    slopes, maps, going = _slopes(first), maps.astype(np.float32), np.arange(len(maps))
    for _ in range(steps):
        after = _stepped(slopes[going], second[going], maps[going])
        moved = np.abs(after - maps[going]).max(axis=(1, 2), initial=0)
        maps[going] = after
        going = going[moved >= NEGLIGIBLE]
    return maps


def _stepped(slopes: Pixels, second: Pixels, maps: Pixels) -> Pixels:
    b, inside = warped(second, maps)
    weight = inside.astype(np.float32)
    error = _standardized(b, weight)
    error -= slopes[:, TARGET]
    weight /= 1 + 4 * error * error
    weighted = slopes * weight[:, None]
    hessian = np.matmul(weighted, slopes.transpose(0, 2, 1))
    diagonal = np.arange(PARAMETERS)
    hessian[:, diagonal, diagonal] *= np.float32(1 + 1e-3)
    hessian[:, diagonal, diagonal] += np.float32(1e-2)
    step = np.linalg.solve(hessian, np.matmul(weighted, error[:, :, None]))[:, :, 0].astype(np.float32)
    after = _undone(maps, step)
    limits = np.array([[LARGEST_SCALE, LARGEST_SHEAR, LARGEST_SHIFT], [LARGEST_SHEAR, LARGEST_SCALE, LARGEST_SHIFT]])
    good = (np.abs(after - IDENTITY) <= limits).all(axis=(1, 2))  # false for nan
    return np.where(good[:, None, None], after, maps).astype(np.float32)


def _slopes(pictures: Pixels) -> Pixels:
    """Return the derivatives of gray values by the numbers of the map, gain and offset, float32 (n, 8, pixels).

    Gray values are in standard deviations from the mean.
    """
    n, side, _ = pictures.shape
    mean = pictures.mean(axis=(1, 2), keepdims=True)
    deviation = pictures.std(axis=(1, 2), keepdims=True) + np.float32(0.1)
    slopes: Pixels = np.empty((n, PARAMETERS, side, side), np.float32)
    slopes[:, TARGET] = (pictures - mean) / deviation
    slopes[:, 7] = 1
    across = np.asarray(np.gradient(np.eye(side), 2 / side, axis=0), np.float32)
    np.matmul(slopes[:, TARGET], across.T, out=slopes[:, 2])
    np.matmul(across, slopes[:, TARGET], out=slopes[:, 5])
    for at in (0, 3):
        np.multiply(slopes[:, at + 2], line(side), out=slopes[:, at])
        np.multiply(slopes[:, at + 2], line(side)[:, None], out=slopes[:, at + 1])
    return slopes.reshape(n, PARAMETERS, side**2)


def _standardized(values: Pixels, weight: Pixels) -> Pixels:
    """Return standardized values, by weighted mean and deviation; the input is overwritten."""
    total = weight.sum(axis=1) + np.float32(1e-6)
    values -= (np.vecdot(weight, values) / total)[:, None]
    values /= (np.sqrt(np.vecdot(weight * values, values) / total) + np.float32(0.05))[:, None]
    return values


def _undone(maps: Pixels, step: Pixels) -> Pixels:
    """Return maps composed with the inverse of a step."""
    n = len(maps)
    linear = step[:, [[0, 1], [3, 4]]] + np.eye(2, dtype=np.float32)
    shift = step[:, [2, 5]][:, :, None]
    determinant = linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0]
    inverse = linear[:, ::-1, ::-1].transpose(0, 2, 1) * np.array([[1, -1], [-1, 1]], np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = np.matmul(maps[:, :, :2], inverse / determinant[:, None, None])
    return np.concatenate([turned, maps[:, :, 2:] - np.matmul(turned, shift)], axis=2).reshape(n, 2, 3)
