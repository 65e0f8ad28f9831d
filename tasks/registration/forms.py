"""The forms in which photographs are searched for: a cropped or shifted copy has other bits than its original.

A form is a gray copy seen through a window: inside the bars around it, or else its middle with the shape of other
images; shifted along both diagonals by three sixty-fourths of the side, a tenth smaller or a tenth larger. A window is
a scale and a shift of coordinates from -1 to 1, of x and of y; pixels beyond the edge repeat it. Bars, such as those of
a letterbox, are plain and end at a straight line.
"""

import numpy as np
from numpy.typing import NDArray

from tasks import kernel
from tasks.arrays import Bits, Floats, Gray, Mask, Pixels, RowNumbers
from tasks.registration.agreement import overlay, textured
from tasks.registration.colours import colours_inside
from tasks.registration.views import BITS, SIDE, comparable_bits

MOVE, ZOOM = 3 / 32, 0.1  # shift in coordinates, which is half as much of the side; change of scale
MOVED = [(1.0, (x * MOVE, y * MOVE)) for x in (-1, 1) for y in (-1, 1)]
ZOOMED = [(1 - ZOOM, (0.0, 0.0)), (1 + ZOOM, (0.0, 0.0))]
FORMS = 2 + len(MOVED) + len(ZOOMED)  # original, trimmed, moved, zoomed
PLAIN_WITHIN = 16  # gray levels: largest deviation from the middle of the outermost line
WIDEST = 24  # pixels of a bar on a side of 64
SHARE, REACH = 0.25, 0.6  # of the line inside a bar that differs from it at least, and from end to end; tips have less
AT_ONCE = 1024  # copies to measure at a time
SMOOTH = 0.02  # share of a photograph with texture below which changed copies of it may be missed
FRAMED = 0.97  # largest share of width or height inside bars of a framed copy: narrower bars change little
OBLONG = 1.15  # lowest ratio of two shapes that matters: copies whose sides were cropped by less are found anyway


def other_forms(copies: Gray, framed: Mask, shape: Pixels) -> list[Bits]:
    """Return the bits, uint8 (n, 98) each, of copies, uint8 (n, 64, 64), in all forms but the original.

    The trimmed form is explained in `trimmed_form`.
    """
    gray = copies.astype(np.float32)  # once for all windows
    fixed = [_seen(gray, np.full((1, 2), scale), np.array([shift])) for scale, shift in MOVED + ZOOMED]
    return [trimmed_form(copies, framed, shape), *map(comparable_bits, fixed)]


def trimmed_form(copies: Gray, framed: Mask, shape: Pixels) -> Bits:
    """Return the bits, uint8 (n, 98), of copies inside their `middles`; copies that are not trimmed have none."""
    bits = np.zeros((len(copies), -(-BITS // 8)), np.uint8)
    some = are_trimmed(shape, framed)
    if some.any():
        window = middles(copies[some], framed[some], shape[some])
        inside = _filled_up(copies[some], window).astype(np.float32)
        bits[some] = comparable_bits(_seen(inside, window[:, :2], window[:, 2:]))
    return bits


def shapes(aspect: Pixels, usual: float) -> Pixels:
    """Return aspects relative to the usual one of other images or, where they hardly differ, to a square."""
    relative = aspect / np.float32(usual)
    return np.where(are_trimmed(relative), relative, aspect)


def are_trimmed(shape: Pixels, framed: Mask | bool = False) -> Mask:
    """Return which images have a middle to compare, given their relative shapes, float32 (n,)."""
    return framed | (np.maximum(shape, 1 / shape) >= OBLONG)


def middles(copies: Gray, framed: Mask, shape: Pixels) -> Floats:
    """Return the window of each trimmed copy, float64 (n, 4): inside its bars, or else its middle."""
    window = np.zeros((len(copies), 4))
    window[:, 0], window[:, 1] = np.minimum(1, 1 / shape), np.minimum(1, shape)
    window[framed] = windows(copies[framed])
    return window


def mirrored_form(copies: Gray) -> Bits:
    """Return the bits of mirrored copies, uint8 (n, 98), given copies, uint8 (n, 64, 64)."""
    return comparable_bits(_seen(copies[:, :, ::-1].astype(np.float32), np.ones((1, 2)), np.zeros((1, 2))))


def windows(copies: Gray) -> Floats:
    """Return the window inside the bars around each copy, uint8 (n, 64, 64), as float64 (n, 4): scales, then shifts."""
    side, turned = copies.shape[1], copies.transpose(0, 2, 1)
    edges = turned, turned[:, ::-1], copies, copies[:, ::-1]  # lines from the left, the right, the top, the bottom
    level, ends = (np.stack(columns, axis=1) for columns in zip(*map(_plain_lines, edges), strict=True))
    bars, place = np.zeros_like(ends), np.arange(side)
    for number, lines in enumerate(edges):
        some = np.flatnonzero(ends[:, number])
        first, last = (ends[some, end, None] for end in ((2, 3) if number < 2 else (0, 1)))  # bars at both its ends
        within = (place >= first) & (place < side - last)
        inside = lines[some, ends[some, number] + 1].astype(np.int16)  # the line before may be half bar
        differs = (np.abs(inside - level[some, number, None]) > PLAIN_WITHIN) & within
        reach = side - differs.argmax(axis=1) - differs[:, ::-1].argmax(axis=1)
        straight = (differs.sum(axis=1) >= SHARE * within.sum(axis=1)) & (reach >= REACH * within.sum(axis=1))
        bars[some[straight], number] = ends[some[straight], number]
    left, right, top, bottom = bars.T
    return np.stack([side - left - right, side - top - bottom, left - right, top - bottom], axis=1) / side


def are_framed(window: Floats) -> Mask:
    """Return which windows, float64 (n, 4), leave out so much that the whole copy looks different."""
    return np.any(window[:, :2] <= FRAMED, axis=1)


def facts_of(copies: Gray, colours: Bits) -> tuple[Pixels, Mask, Bits]:
    """Return the share of copies, uint8 (n, 64, 64), with texture, float32 (n,), and which are framed, bool (n,).

    The third value has the colours inside the frames, uint8 (n, 32), given the fine ones of all, uint8 (n, 128).
    """
    parts = np.array_split(copies, 1 + len(copies) // AT_ONCE)
    share = np.concatenate([textured(part.astype(np.float32)) for part in parts])
    window = np.concatenate([windows(part) for part in parts])
    framed = are_framed(window)
    window[~framed] = 1, 1, 0, 0
    return share, framed, colours_inside(colours, window)


def seen_through(copies: Gray, window: Floats) -> Gray:
    """Return copies seen through windows, float64 (n, 4), in full size."""
    maps = np.zeros((len(copies), 2, 3), np.float32)
    maps[:, [0, 1], [0, 1]], maps[:, :, 2] = window[:, :2], window[:, 2:]
    gray = _filled_up(copies, window).astype(np.float32)
    return np.rint(overlay(gray, gray, maps, smooth=False).second).astype(np.uint8)


def _filled_up(copies: Gray, window: Floats) -> Gray:
    """Return copies whose bars, and the line next to each, which may be half bar, repeat the line inside."""
    side, images = copies.shape[1], np.arange(len(copies))[:, None, None]
    low, high = (np.rint((1 - window[:, :2] + sign * window[:, 2:]) * side / 2)[:, :, None] for sign in (1, -1))
    at = np.clip(np.arange(side), low + (low > 0), side - 1 - high - (high > 0)).astype(np.int64)  # columns, then rows
    return copies[images, at[:, 1, :, None], at[:, 0, None, :]]


def _seen(gray: NDArray[np.float32], scale: Floats, shift: Floats) -> Gray:
    """Return small copies of float32 (n, 64, 64) seen through windows, (n, 2) or a common one: x and y."""
    across, down = (_weights(scale[:, axis], shift[:, axis], gray.shape[1]) for axis in (0, 1))
    if (compiled := kernel.functions) and gray.shape[1] == kernel.SIDE:
        seen = np.empty((len(gray), SIDE, SIDE), np.uint8)
        compiled.seen(np.ascontiguousarray(gray), len(gray), down, across, down[0].size if len(down) > 1 else 0, seen)
        return seen
    return np.rint(np.matmul(np.matmul(down, gray), across.transpose(0, 2, 1))).astype(np.uint8)


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


def _plain_lines(lines: Gray) -> tuple[RowNumbers, RowNumbers]:
    """Return the gray level of the first line of each copy, and how many lines are as plain, at most `WIDEST`."""
    level, count = np.zeros((2, len(lines)), np.int64)
    some = np.flatnonzero(np.ptp(lines[:, 0], axis=1) <= 2 * PLAIN_WITHIN)  # few, in most sets
    darkest, brightest = (end(lines[some, :WIDEST], axis=2).astype(np.int64) for end in (np.min, np.max))
    level[some] = middle = (darkest[:, 0] + brightest[:, 0]) // 2
    other = (darkest < middle[:, None] - PLAIN_WITHIN) | (brightest > middle[:, None] + PLAIN_WITHIN)
    count[some] = np.where(other.any(axis=1), other.argmax(axis=1), WIDEST)
    return level, count
