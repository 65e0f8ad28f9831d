import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from tasks.evaluation.scores import as_many_per_class, subsets, wilson

LABELS = np.repeat(np.arange(4), 25)
IDS = pa.array([f"test/{i:03d}" for i in range(100)])
REMOVED = pa.table({"id": [f"test/{i:03d}" for i in (0, 1, 30, 99)], "reason": ["exact", "near", "near", "exact"]})


def test_an_interval_is_wilsons() -> None:
    accuracy, low, high = wilson(np.arange(100) < 81, np.arange(100))
    expected = binomtest(81, 100).proportion_ci(0.95, method="wilson")
    assert accuracy == 0.81
    assert (low, high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("right", [0, 13, 20])
def test_rows_that_are_always_right_or_wrong_together_count_once(right: int) -> None:
    alone, doubled = np.arange(20) < right, np.repeat(np.arange(20) < right, 2)
    one, two = wilson(alone, np.arange(20)), wilson(doubled, np.repeat(np.arange(20), 2))
    assert two == pytest.approx(one, abs=0.01)


def test_no_rows_have_no_accuracy() -> None:
    assert wilson(np.empty(0, bool), np.empty(0, np.int64)) == (None, None, None)


def test_subsets_are_what_sanitizing_leaves_and_takes() -> None:
    masks = dict(subsets(IDS, LABELS, REMOVED, seed=0))
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {
        "raw": 100,
        "exact": 98,
        "near": 96,
        "removed": 4,
        "random": 96,
    }
    assert np.flatnonzero(masks["removed"]).tolist() == [0, 1, 30, 99]
    assert np.array_equal(masks["near"], ~masks["removed"])


def test_the_random_control_takes_as_many_rows_of_each_class() -> None:
    taken = np.zeros(100, bool)
    taken[[0, 1, 30, 99]] = True
    control = as_many_per_class(LABELS, taken, seed=0)
    assert np.bincount(LABELS[control], minlength=4).tolist() == [2, 1, 0, 1]
    assert not np.array_equal(control, taken)
    assert np.array_equal(control, as_many_per_class(LABELS, taken, seed=0))
    assert not np.array_equal(control, as_many_per_class(LABELS, taken, seed=1))
