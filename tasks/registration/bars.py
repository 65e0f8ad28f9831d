"""Find the bars around an image, such as those of a letterbox, and what is inside them.

Bars are plain and end at a straight line. A window is a scale and a shift of coordinates from -1 to 1, of x and of y.
"""

import numpy as np

from tasks.arrays import Floats, Gray, Mask, RowNumbers
from tasks.registration.agreement import overlay

PLAIN_WITHIN = 16  # gray levels: largest deviation from the middle of the outermost line
WIDEST = 24  # pixels of a bar on a side of 64
SHARE, REACH = 0.25, 0.6  # of the line inside a bar that differs from it at least, and from end to end; tips have less
FRAMED = 0.9  # largest share of width or height inside bars that forms and registration do not allow for


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
    """Return which windows, float64 (n, 4), leave out so much that forms and registration do not allow for it."""
    return np.any(window[:, :2] <= FRAMED, axis=1)


def seen_through(copies: Gray, window: Floats) -> Gray:
    """Return copies seen through windows, float64 (n, 4), in full size."""
    maps = np.zeros((len(copies), 2, 3), np.float32)
    maps[:, [0, 1], [0, 1]], maps[:, :, 2] = window[:, :2], window[:, 2:]
    gray = copies.astype(np.float32)
    return np.rint(overlay(gray, gray, maps, smooth=False).second).astype(np.uint8)


def _plain_lines(lines: Gray) -> tuple[RowNumbers, RowNumbers]:
    """Return the gray level of the first line of each copy, and how many lines are as plain, at most `WIDEST`."""
    level, count = np.zeros((2, len(lines)), np.int64)
    some = np.flatnonzero(np.ptp(lines[:, 0], axis=1) <= 2 * PLAIN_WITHIN)  # few, in most sets
    darkest, brightest = (end(lines[some, :WIDEST], axis=2).astype(np.int64) for end in (np.min, np.max))
    level[some] = middle = (darkest[:, 0] + brightest[:, 0]) // 2
    other = (darkest < middle[:, None] - PLAIN_WITHIN) | (brightest > middle[:, None] + PLAIN_WITHIN)
    count[some] = np.where(other.any(axis=1), other.argmax(axis=1), WIDEST)
    return level, count
