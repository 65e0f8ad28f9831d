import numpy as np
import pytest
from scipy.stats import beta, ttest_rel

from tasks.evaluation.intervals import accuracy, contrast, difference_of_rows, mean_of

ROWS = np.arange(200)


@pytest.mark.parametrize("right", [1, 13, 150, 199])
def test_an_accuracy_of_single_rows_has_jeffreys_interval(right: int) -> None:
    share, low, high = accuracy((right > ROWS).astype(float), ROWS)
    assert share == right / 200
    expected = beta.ppf([0.025, 0.975], right + 0.5, 200 - right + 0.5)
    assert (low, high) == pytest.approx(expected, abs=0.004), "Student's t is a little wider than the normal"


@pytest.mark.parametrize("right", [0, 13, 20])
def test_copies_count_once(right: int) -> None:
    alone, doubled = (np.arange(20) < right).astype(float), np.repeat(np.arange(20) < right, 2).astype(float)
    assert accuracy(doubled, np.repeat(np.arange(20), 2)) == pytest.approx(accuracy(alone, np.arange(20)), abs=0.01)


@pytest.mark.parametrize(
    "groups", [np.arange(50), np.repeat(np.arange(25), 2), np.append(np.zeros(30, int), np.arange(1, 21))]
)
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_no_interval_has_width_0_or_leaves_its_range(groups: np.ndarray, right: float) -> None:
    share, low, high = accuracy(np.full(50, right), groups)
    assert 0 <= low <= share <= high <= 1
    assert high - low > 0.02
    part = mean_of(np.full((5, 50), 0.0), groups)
    points, low, high = contrast([part], [1])
    assert points == 0
    assert high - low > 1
    assert low == pytest.approx(-high, abs=1)


def test_one_row_has_an_interval() -> None:
    assert accuracy(np.ones(1), np.zeros(1, int))[1] < 0.1
    assert contrast([mean_of(np.ones((5, 1)), np.zeros(1, int))], [1]) == (100, -100, 100), "and no more than there is"


def test_a_picture_that_has_a_third_of_the_rows_may_have_been_answered_otherwise() -> None:
    groups = np.append(np.zeros(100, int), np.arange(1, 201))
    right = np.append(np.zeros(100), np.arange(200) < 180).astype(np.float64)
    share, low, high = accuracy(right, groups)
    assert share == pytest.approx(0.6)
    assert high > 0.85, "180 of 200 others are right, and so might this one have been"
    assert low > 0.5


def test_with_one_training_and_single_rows_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    one, two = (rng.random(500) < 0.8).astype(float), (rng.random(500) < 0.7).astype(float)
    expected = ttest_rel(one, two).confidence_interval(0.95)
    _, low, high = contrast([mean_of((one - two)[None], np.arange(500))], [1])
    assert (low, high) == pytest.approx((100 * expected.low, 100 * expected.high), abs=0.1)


def test_trainings_that_disagree_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    agree = np.tile((rng.random(500) < 0.9).astype(float), (5, 1)) - 0.9
    apart = np.stack([(rng.random(500) < share).astype(float) for share in (0.7, 0.8, 0.9, 0.75, 0.95)])
    narrow, wide = (contrast([mean_of(arms, np.arange(500))], [1]) for arms in (agree, apart))
    assert wide[2] - wide[1] > 2 * (narrow[2] - narrow[1])


@pytest.mark.parametrize("share_used", [0.0, 0.5, 1.0])
def test_trainings_whose_differences_cancel_on_each_row_have_an_interval(share_used: float) -> None:
    differences = np.zeros((5, 20))
    differences[:2, 0] = 1, -1
    same, apart = (contrast([mean_of(arms, np.arange(20))], [1], share_used) for arms in (0 * differences, differences))
    assert apart[0] == 0
    assert apart[1] <= same[1] < same[2] <= apart[2], "not narrower than of trainings that never differ"


def test_more_confidence_is_wider() -> None:
    part = mean_of(np.random.default_rng(0).integers(-1, 2, (5, 300)).astype(float), np.arange(300))
    one, three = contrast([part], [1]), contrast([part], [1], 0, 1 - 0.05 / 3)
    assert three[1] < one[1] < one[2] < three[2]


def test_the_difference_of_rows_is_scaled_to_all_rows() -> None:
    right, kept = np.array([1.0] * 20 + [1.0] * 60 + [0.0] * 20), np.arange(100) >= 20
    found = difference_of_rows(right, kept, np.arange(100))
    assert found is not None
    points, low, high = found
    assert points == pytest.approx(100 * (right.mean() - right[kept].mean()))
    assert low < points < high
    for mask in (np.zeros(100, bool), np.ones(100, bool)):  # nothing left, nothing removed
        assert difference_of_rows(right, mask, np.arange(100)) is None
