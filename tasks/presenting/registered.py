"""Align photographs with their duplicates for display, as the comparison aligns them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tasks.arrays import Gray, Pixels
from tasks.registration.align import SIDE, register
from tasks.registration.warp import warped

AT_A_TIME = 16  # pairs: numpy takes as long for one
SHOWN_SIDE = 96  # pixels of the square for aligned images
NOTHING_THERE = 235  # gray outside the aligned image


def laid_over(rows: Sequence[Gray], duplicates: Sequence[Gray]) -> list[Gray]:
    """Return each duplicate aligned with the row at its place, in the row's shape; uint8 (height, width, 3)."""
    starts = range(0, len(rows), AT_A_TIME)
    return [one for at in starts for one in _laid(rows[at : at + AT_A_TIME], duplicates[at : at + AT_A_TIME])]


def _laid(rows: Sequence[Gray], duplicates: Sequence[Gray]) -> list[Gray]:
    maps = register(_copies(rows), _copies(duplicates))
    squares = np.stack([_resized(duplicate, SHOWN_SIDE, SHOWN_SIDE) for duplicate in duplicates])
    channels = squares.transpose(0, 3, 1, 2).reshape(-1, SHOWN_SIDE, SHOWN_SIDE).astype(np.float32)
    values, inside = warped(channels, np.repeat(maps, squares.shape[3], axis=0))
    values[~inside] = NOTHING_THERE
    moved = np.rint(values).astype(np.uint8).reshape(len(rows), -1, SHOWN_SIDE, SHOWN_SIDE).transpose(0, 2, 3, 1)
    pairs = zip(rows, np.ascontiguousarray(moved), strict=True)
    return [_resized(picture, row.shape[1], row.shape[0]) for row, picture in pairs]


def map_over(row: Gray, duplicate: Gray) -> list[float]:
    """Return the six numbers of the map that aligns a duplicate with a row, from gray copies, uint8 (1, 64, 64)."""
    return register(row.astype(np.float32), duplicate.astype(np.float32))[0].ravel().tolist()


def _copies(pictures: Sequence[Gray]) -> Pixels:
    grays = [Image.fromarray(one).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for one in pictures]
    return np.stack([np.asarray(gray) for gray in grays]).astype(np.float32)


def _resized(picture: Gray, width: int, height: int) -> Gray:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
