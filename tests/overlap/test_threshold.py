"""What is predicted of matches whose origin is known: look-alikes alone, and look-alikes with copies among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tasks.overlap.threshold import (
    HIGHEST,
    LOWEST,
    Best,
    is_common,
    least_percent,
    look_alikes,
    own_percent,
    predicted_precision,
    stands_out,
)
from tasks.records.verdict import PRECISION
from tasks.vocabulary.arrays import Floats

PERCENTS = range(LOWEST, HIGHEST + 1)
DRAWS, BASELINE = 100, 500


def predict(rows: Floats, pool: Floats, percents: range) -> dict[int, float | None]:
    """Predict as of rows that stand alone, with unlike pictures around them."""
    best, of_all = (Best(values, np.zeros(len(values))) for values in (rows, pool))
    return predicted_precision(best, of_all, percents)


def best_look_alikes(rng: np.random.Generator, rows: int, centre: float, rate: float) -> Floats:
    """Return similarities whose Fisher transforms are those of the best of many: they decay at a rate."""
    return np.tanh(centre + rng.gumbel(size=rows) / rate)


@pytest.mark.parametrize("rows", [100, 600, 2000])
@pytest.mark.parametrize("rate", [3, 5, 8, 12])
def test_where_there_are_no_copies_a_threshold_is_seldom_claimed(rate: float, rows: int) -> None:
    rng, claimed = np.random.default_rng(0), 0
    for draw in range(DRAWS):
        centre = (0.4, 0.7, 1.0, 1.3)[draw % 4]
        found = best_look_alikes(rng, rows, centre, rate)
        pool = np.append(found, best_look_alikes(rng, BASELINE, centre, rate))
        claimed += own_percent(predict(found, pool, PERCENTS)) is not None
    assert claimed <= 0.05 * DRAWS


@pytest.mark.parametrize(("centre", "rate"), [(0.2, 6), (0.2, 8), (0.4, 8)])
def test_where_a_fifth_are_copies_a_threshold_is_found_and_its_precision_is_about_as_predicted(
    centre: float, rate: float
) -> None:
    rng, errors = np.random.default_rng(0), []
    for _ in range(DRAWS):
        copies = rng.uniform(0.87, 0.98, 120)
        rows = np.append(copies, best_look_alikes(rng, 480, centre, rate))
        pool = np.append(rows, best_look_alikes(rng, BASELINE, centre, rate))
        precision = predict(rows, pool, PERCENTS)
        percent = own_percent(precision)
        if percent is not None:
            predicted = precision[percent]
            assert predicted is not None
            assert predicted >= PRECISION
            errors.append(predicted - (copies >= percent / 100).sum() / (rows >= percent / 100).sum())
    assert len(errors) >= 0.95 * DRAWS
    assert abs(np.mean(errors)) <= 0.05
    assert np.mean(errors) <= 0.01, "rather too low than too high"


def test_nothing_is_predicted_where_all_rows_have_a_look_alike() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(0.98, 1, 1000)
    assert set(predict(rows, rows, PERCENTS).values()) == {None}
    alike = best_look_alikes(rng, 1000, 1.9, 6)
    precision = predict(alike, alike, PERCENTS)
    assert precision[LOWEST] is None
    assert own_percent(precision) is None


def test_nothing_is_predicted_of_no_rows() -> None:
    nothing = np.empty(0)
    assert set(predict(nothing, nothing, PERCENTS).values()) == {None}
    pool = best_look_alikes(np.random.default_rng(0), 600, 0.2, 8)
    assert own_percent(predict(nothing, pool, PERCENTS)) is None
    assert not stands_out(nothing, PERCENTS)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    centre=st.floats(0.1, 2),
    rate=st.floats(2, 15),
    copies=st.integers(0, 300),
    rows=st.integers(0, 600),
)
def test_precision_is_a_share_that_never_falls_with_similarity(
    seed: int, centre: float, rate: float, copies: int, rows: int
) -> None:
    rng = np.random.default_rng(seed)
    similar = np.append(rng.uniform(0.8, 1, copies), best_look_alikes(rng, rows, centre, rate))
    pool = np.append(similar, best_look_alikes(rng, BASELINE, centre, rate))
    precision = predict(similar, pool, PERCENTS)
    assert list(precision) == list(PERCENTS)
    values = list(precision.values())
    known = [value for value in values if value is not None]
    assert values == [None] * (len(values) - len(known)) + known, "once known, it stays so"
    assert known == sorted(known)
    assert all(0 <= value <= 1 for value in known)


def test_the_threshold_of_a_set_is_the_lowest_with_the_precision_that_is_asked_for() -> None:
    assert own_percent({86: None, 87: 0.9, 88: PRECISION, 89: 0.99}) == 88
    assert own_percent({86: None, 87: PRECISION - 1e-6}) is None
    assert own_percent({}) is None


def test_the_larger_pictures_are_the_higher_is_their_lowest_threshold() -> None:
    found = [least_percent(side) for side in range(1, 5000)]
    assert found == sorted(found)
    assert {least_percent(side) for side in (1, 16, 40)} == {86}
    assert {least_percent(side) for side in (128, 129, 10_000)} == {97}
    assert set(found) == set(range(86, 98)), "and it rises step by step"
    assert least_percent(np.sqrt(40 * 128)) == 92, "half of the way by ratio"
    assert (least_percent(40.5), least_percent(127)) == (87, 97), "rounded up"


def nearest_neighbours(rng: np.random.Generator, rows: int, others: int, dimensions: int) -> Floats:
    """Return how similar the nearest of independent points are, which lie close to each other in few dimensions."""
    distance, _ = cKDTree(rng.random((others, dimensions))).query(rng.random((rows, dimensions)))
    return np.clip(1 - 0.5 * distance, 0, 1)


@pytest.mark.parametrize(("dimensions", "others"), [(2, 3), (3, 10), (4, 30), (5, 100)])
def test_near_copies_stand_out_from_neighbours_and_neighbours_do_not(dimensions: int, others: int) -> None:
    percents, neighbours_do, copies_do = range(90, HIGHEST + 1), 0, 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rows = nearest_neighbours(rng, 1000, others, dimensions)
        neighbours_do += stands_out(rows, percents)
        rows[:200] = rng.uniform(0.97, 1, 200)
        copies_do += stands_out(rows, percents)
    assert neighbours_do == 0
    assert copies_do >= 27


@pytest.mark.parametrize("dimensions", [2, 3, 4, 5])
def test_neighbours_in_a_crowd_do_not_stand_out_however_similar_they_are(dimensions: int) -> None:
    rows = nearest_neighbours(np.random.default_rng(0), 2000, 5000, dimensions)
    assert np.median(rows) > 0.9
    assert not stands_out(rows, range(90, HIGHEST + 1))


@pytest.mark.parametrize(("centre", "rate", "most"), [(0.1, 3, 1.3), (-1.5, 0.6, 2)], ids=["fast", "slow"])
def test_about_as_many_look_alikes_are_expected_as_there_are_and_no_fewer(
    centre: float, rate: float, most: float
) -> None:
    rows = best_look_alikes(np.random.default_rng(0), 20_000, centre, rate)
    for percent in (92, 93, 94, 95, 96):
        expected, tenth = (look_alikes(some, rows, percent) for some in (rows, rows[::10]))
        assert expected is not None
        assert 1 <= expected / (rows >= percent / 100).sum() < most
        assert tenth is not None
        assert 0.05 < tenth / expected < 0.2, "of a tenth of the rows, a tenth, at the rate of all"


def test_a_rate_that_few_rows_show_is_at_least_one_half() -> None:
    far, below = (np.arctanh(0.9) - 0.75, np.full(300, 0.1))
    few, enough = (np.append(below, np.full(rows, np.tanh(far))) for rows in (15, 25))
    expected = [look_alikes(rows, rows, 90) for rows in (few, enough)]
    assert expected[0] == pytest.approx(0.5 + np.sqrt(0.5)), "as many as closer by, one deviation higher"
    assert expected[1] is not None
    assert expected[1] < 0.1


def test_alike_random_pairs_are_common_beyond_one_in_a_hundred_and_chance() -> None:
    assert not is_common(0, 0)
    assert [is_common(alike, 500) for alike in (0, 5, 9, 12, 500)] == [False, False, False, True, True]
    rng = np.random.default_rng(0)
    claimed = [np.mean([is_common(alike, 500) for alike in rng.binomial(500, p, 400)]) for p in (0.01, 0.05)]
    assert claimed[0] < 0.05
    assert claimed[1] > 0.95
