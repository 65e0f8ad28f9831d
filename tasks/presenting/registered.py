"""Lay a picture over its twin, to look at: what the comparison of photographs sees."""

import numpy as np
from PIL import Image

from tasks.registration.align import SIDE, register
from tasks.registration.warp import warped
from tasks.vocabulary.arrays import Gray, Pixels

SHOWN_SIDE = 96  # pixels of the square in which a picture is moved
NOTHING_THERE = 235  # gray where the picture has nothing to lay over


def laid_over(row: Gray, twin: Gray) -> Gray:
    """Return the twin as it lies over a row.

    Parameters
    ----------
    row, twin : ndarray
        uint8 (height, width, 3) each, of any sizes.

    Returns
    -------
    ndarray
        uint8, of the row's shape.
    """
    maps = register(_copy(row), _copy(twin))
    square = np.asarray(_resized(twin, SHOWN_SIDE, SHOWN_SIDE)).transpose(2, 0, 1).astype(np.float32)
    values, inside = warped(square, np.repeat(maps, len(square), axis=0))
    values[~inside] = NOTHING_THERE
    moved = np.rint(values).astype(np.uint8).reshape(square.shape).transpose(1, 2, 0)
    return np.asarray(_resized(np.ascontiguousarray(moved), row.shape[1], row.shape[0]))


def _copy(picture: Gray) -> Pixels:
    gray = Image.fromarray(picture).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(gray)[None].astype(np.float32)


def _resized(picture: Gray, width: int, height: int) -> Image.Image:
    return Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
