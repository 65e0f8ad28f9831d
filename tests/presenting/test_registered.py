"""What the page shows of a twin laid over a row."""

import numpy as np

from tasks.presenting.gallery import AT_A_TIME, NOTHING_THERE, laid_over
from tests.build import scene


def test_a_moved_twin_is_moved_back_and_has_nothing_beyond_its_edge() -> None:
    whole = scene(120, 120, seed=3)
    row, twin = (np.asarray(whole.crop((left, left, left + 96, left + 96))) for left in (12, 6))
    (moved,) = laid_over([row], [twin])
    assert moved.shape == row.shape
    inside = np.abs(moved.astype(int) - row)[:84, :84]
    assert np.median(inside) < 8 < np.median(np.abs(twin.astype(int) - row)[:84, :84])
    assert np.abs(moved[-3:, -3:].astype(int) - NOTHING_THERE).max() <= 20


def test_a_twin_of_another_size_and_shape_takes_that_of_the_row() -> None:
    row, twin = np.asarray(scene(96, 64, seed=1)), np.asarray(scene(40, 90, seed=2))
    flat, other = np.full((9, 9, 3), 7, np.uint8), np.full((5, 5, 3), 7, np.uint8)
    assert [moved.shape for moved in laid_over([row, flat], [twin, other])] == [row.shape, flat.shape]
    assert laid_over([], []) == []


def test_a_pair_does_not_depend_on_those_beside_it() -> None:
    rows = [np.asarray(scene(96, 60 + seed, seed=seed)) for seed in range(AT_A_TIME + 3)]
    twins = [np.asarray(scene(90 + seed, 70, seed=seed // 2)) for seed in range(AT_A_TIME + 3)]
    alone = [laid_over([row], [twin])[0] for row, twin in zip(rows, twins, strict=True)]
    assert all(map(np.array_equal, laid_over(rows, twins), alone))
