"""Measure whether two aligned images have the same structure: the agreement of their gradients."""

from typing import NamedTuple

import numpy as np

from tasks import kernel
from tasks.arrays import Mask, Pixels
from tasks.registration.sharpness import half_filter, smoothed
from tasks.registration.warp import contiguous, warped

VERSION = 18  # of the measure; other versions may give other agreements
REACH = 2  # radius in pixels of the neighbourhood of a gradient
BLUR = 0.8  # pixels: standard deviation of the smoothing before gradients
BACKGROUND = 5.0  # pixels: standard deviation of the background, which is subtracted before texture is measured
WINDOW, PLAIN, WHOLE = 8, 0.25, 0.8  # pixels a side; share of the mean structure, and of a window inside both images
FAINT = 16.0  # mean squared gradient that counts as noise, in gray levels across two pixels


class Overlaid(NamedTuple):
    """Pairs of images, the second aligned with the first, float32 (n, side, side), and where it has values."""

    first: Pixels
    second: Pixels
    inside: Mask


def overlay(first: Pixels, second: Pixels, maps: Pixels, smooth: bool = True) -> Overlaid:
    """Align images, float32 (n, side, side), with others by maps from the first to the second, float32 (n, 2, 3).

    Both are slightly smoothed, unless they are very small copies, which would lose too much.
    """
    n, side, _ = first.shape
    if (compiled := kernel.functions) and side in (kernel.SMALL, kernel.SIDE):
        half = half_filter(BLUR) if smooth else np.ones(1, np.float32)
        laid = np.empty_like(first, order="C"), np.empty_like(second, order="C"), np.empty(first.shape, np.bool_)
        given = contiguous(first), contiguous(second), contiguous(maps)
        compiled.overlay(*given, n, side, half, len(half) - 1, *laid[:2], laid[2].view(np.uint8))
        return Overlaid(*laid)
    values, inside = warped(second, maps)
    values, inside = values.reshape(second.shape), inside.reshape(second.shape)
    if smooth:
        first, values = smoothed(first, BLUR), smoothed(values, BLUR)
    return Overlaid(first, values, inside)


def agreement(pairs: Overlaid) -> Pixels:
    """Return the agreement of gradient directions of each pair of images, float32 (n,).

    Gradients are divided by the root mean square of their image. At each pixel, the cosine of the angle between both
    gradients is weighted by the smaller norm. The agreement is 1 if all structure agrees, and about 0 if it is
    unrelated.
    """
    first, second, inside = pairs
    n, side, _ = first.shape
    if (compiled := kernel.functions) and side in (kernel.SMALL, kernel.SIDE):
        found, there = np.empty(n, np.float32), np.ascontiguousarray(inside).view(np.uint8)
        compiled.agreement(contiguous(first), contiguous(second), there, n, side, found)
        return found
    weight = _well_inside(inside)[:, 1:-1, 1:-1].astype(np.float32)
    (down_a, right_a), (down_b, right_b) = _gradients(first), _gradients(second)
    norm_a, norm_b = (np.sqrt(right * right + down * down) for right, down in ((right_a, down_a), (right_b, down_b)))
    pixels = weight.sum(axis=(1, 2)) + np.float32(1e-6)
    root_a, root_b = (
        (np.sqrt((weight * norm * norm).sum(axis=(1, 2)) / pixels) + np.float32(0.02))[:, None, None]
        for norm in (norm_a, norm_b)
    )
    least = weight * np.minimum(norm_a / root_a, norm_b / root_b)
    cosine = (right_a * right_b + down_a * down_b) / (norm_a * norm_b + np.float32(0.001))
    return (least * cosine).sum(axis=(1, 2)) / (least.sum(axis=(1, 2)) + np.float32(1e-6))


def unshared(pairs: Overlaid) -> Pixels:
    """Return the largest share of the structure of a window that only one image of each pair has, float32 (n,).

    Gradients are divided by the root mean square of their image, as in `agreement`. A window is `WINDOW` pixels wide
    and high, and windows overlap by half; its structure is the sum of the squared gradients of the image with more of
    it, but at least `PLAIN` of the mean. What the other image shares is the square of the correlation of both, so
    brightness and contrast count nothing. A new mark has a share of nearly 1, wherever it stands; noise on a plain
    window has hardly any.
    """
    weight = _well_inside(pairs.inside)[:, 1:-1, 1:-1].astype(np.float32)
    (down_a, right_a), (down_b, right_b) = _gradients(pairs.first), _gradients(pairs.second)
    products = [down_a * down_a + right_a * right_a, down_b * down_b + right_b * right_b]
    products += [down_a * down_b + right_a * right_b]
    cells = [_in_cells(part) for part in (weight, *(weight * part for part in products))]
    count, *sums = (part.sum(axis=(1, 2), keepdims=True) for part in cells)
    mean, other_mean = (part / (count + np.float32(1e-6)) + np.float32(0.0004) for part in sums[:2])
    pixels, own, other, both = map(_in_windows, cells)
    own, other, both = own / mean, other / other_mean, np.maximum(both, 0) / np.sqrt(mean * other_mean)
    most, least = np.maximum(own, other), np.minimum(own, other)
    share = (most - both * both / (least + 1e-6)) / np.maximum(most, PLAIN * WINDOW**2)
    found = np.where(pixels >= WHOLE * WINDOW**2, share, 0).max(axis=(1, 2), initial=0)
    return np.clip(found, 0, 1).astype(np.float32)


def textured(pictures: Pixels) -> Pixels:
    """Return the share of each image, float32 (n, side, side), that has texture, float32 (n,).

    It is the squared mean of all gradients by the mean of their squares. A gradient is at most the one that is left
    after a smooth background is subtracted. So ramps and vignettes have little texture, and plain shapes, which have
    gradients only at their outlines: unrelated images share both.
    """
    fine, coarse = half_filter(BLUR), half_filter(BACKGROUND)
    if (compiled := kernel.functions) and pictures.shape[1] == kernel.SIDE:
        found = np.empty(len(pictures), np.float32)
        filters = fine, len(fine) - 1, coarse, len(coarse) - 1
        compiled.textured(contiguous(pictures), len(pictures), *filters, found)
        return found
    seen = smoothed(pictures, BLUR)
    steps = [_gradients(part) for part in (seen, seen - smoothed(pictures, BACKGROUND))]
    squares = np.minimum(*(down * down + right * right for down, right in steps))
    mean = np.sqrt(squares).mean(axis=(1, 2))
    return mean * mean / (squares.mean(axis=(1, 2)) + np.float32(FAINT))


def _well_inside(inside: Mask) -> Mask:
    """Return where neither smoothing nor gradients reach beyond the second image, whose frame would be structure.

    The inside is convex, so it suffices to check the corners of their reach.
    """
    numbers = np.arange(inside.shape[1])
    low, high = np.maximum(numbers - REACH, 0), np.minimum(numbers + REACH, len(numbers) - 1)
    rows = inside[:, low] & inside[:, high]
    return rows[:, :, low] & rows[:, :, high]


def _in_cells(values: Pixels) -> Pixels:
    """Return the sums in cells of half a window a side, float32 (n, cells, cells), of the middle of (n, side, side)."""
    half = WINDOW // 2
    cells, border = values.shape[1] // half, values.shape[1] % half // 2
    inside = values[:, border : border + cells * half, border : border + cells * half]
    return inside.reshape(-1, cells, half, cells * half).sum(axis=2).reshape(-1, cells, cells, half).sum(axis=3)


def _in_windows(cells: Pixels) -> Pixels:
    """Return the sums in windows of four cells, float32 (n, cells - 1, cells - 1)."""
    return cells[:, 1:, 1:] + cells[:, 1:, :-1] + cells[:, :-1, 1:] + cells[:, :-1, :-1]


def _gradients(pictures: Pixels) -> tuple[Pixels, Pixels]:
    """Return the gradients down and to the right, float32 (n, side - 2, side - 2) each."""
    return pictures[:, 2:, 1:-1] - pictures[:, :-2, 1:-1], pictures[:, 1:-1, 2:] - pictures[:, 1:-1, :-2]
