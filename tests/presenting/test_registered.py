"""What the page shows of a twin laid over a row."""

import numpy as np

from tasks.presenting.registered import NOTHING_THERE, laid_over
from tests.build import scene


def test_a_moved_twin_is_moved_back_and_has_nothing_beyond_its_edge() -> None:
    whole = scene(120, 120, seed=3)
    row, twin = (np.asarray(whole.crop((left, left, left + 96, left + 96))) for left in (12, 6))
    moved = laid_over(row, twin)
    assert moved.shape == row.shape
    inside = np.abs(moved.astype(int) - row)[:84, :84]
    assert np.median(inside) < 8 < np.median(np.abs(twin.astype(int) - row)[:84, :84])
    assert np.abs(moved[-3:, -3:].astype(int) - NOTHING_THERE).max() <= 20


def test_a_twin_of_another_size_and_shape_takes_that_of_the_row() -> None:
    row, twin = np.asarray(scene(96, 64, seed=1)), np.asarray(scene(40, 90, seed=2))
    assert laid_over(row, twin).shape == (64, 96, 3)
    assert laid_over(np.full((9, 9, 3), 7, np.uint8), np.full((5, 5, 3), 7, np.uint8)).shape == (9, 9, 3)
