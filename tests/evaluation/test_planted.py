"""The benchmarks of the comparison, small: planted effects are found, absent ones are not, intervals hold the truth."""

import numpy as np
import pytest
from scipy.stats import binom

from tests.benchmarks.classes_of_twins import NOTHING, draw, hold_nothing
from tests.benchmarks.coverage import (
    ACCURACIES,
    EFFECTS,
    NULL,
    Shape,
    accuracy_held,
    count,
    effect_held,
    headline_is_true,
    raw_minus_sanitized_held,
)
from tests.benchmarks.effect import check_easy_third, check_memorized, check_nothing, check_regularized
from tests.benchmarks.planted import Glyphs, draw_glyphs

ROWS, TEST = 2000, 600
DRAWS = 200
FEWEST, MOST = binom.interval(0.999, DRAWS, 0.95)  # 179 and 198: a right interval falls outside once in 1,000 runs


@pytest.fixture(scope="module")
def pool() -> Glyphs:
    return draw_glyphs(2 * (ROWS + TEST))


def test_what_only_memory_answers_is_found_in_the_model_that_memorizes(pool: Glyphs) -> None:
    line = check_memorized(pool, 9, 2, ROWS, TEST)
    assert line.passes, line
    assert "100%" in line.text, "9 points are always found"


def test_it_is_not_found_in_a_model_that_can_not(pool: Glyphs) -> None:
    line = check_regularized(pool, ROWS, TEST)
    assert line.passes, line


def test_nothing_is_claimed_where_the_twins_are_twins_of_nothing(pool: Glyphs) -> None:
    line = check_nothing(pool, 4, 200, TEST)
    assert line.text.startswith("0 of 4"), line


def test_what_rows_without_a_twin_lose_is_not_called_an_effect_of_the_twins(pool: Glyphs) -> None:
    for line in check_easy_third(pool, TEST):
        assert line.passes, line


@pytest.mark.parametrize("shape", ACCURACIES[2:], ids=lambda shape: shape.name)
def test_intervals_of_accuracies_hold_the_truth_as_often_as_they_say(shape: Shape) -> None:
    check(count(accuracy_held, shape, DRAWS), shape)


def test_intervals_of_raw_less_sanitized_hold_the_truth_as_often_as_they_say() -> None:
    check(count(raw_minus_sanitized_held, ACCURACIES[3], DRAWS), ACCURACIES[3])


@pytest.mark.parametrize(
    "shape", [shape for shape in EFFECTS if "10,000" not in shape.name], ids=lambda shape: shape.name
)
def test_intervals_of_effects_hold_the_truth_as_often_as_they_say(shape: Shape) -> None:
    check(count(effect_held, shape, DRAWS), shape)


def test_intervals_hold_nothing_where_duplicates_lie_in_small_classes_and_are_copies_of_nothing() -> None:
    (shape,) = (shape for shape in NOTHING if shape.name == "nearly all of these")
    drawn = (draw(shape, False, np.random.default_rng([number, 7])) for number in range(DRAWS))
    held = np.sum([hold_nothing(one, shape.rows) for one in drawn], axis=0)
    assert (held >= FEWEST).all(), held


def test_headlines_seldom_claim_what_is_not_there() -> None:
    false = DRAWS * (100 - count(headline_is_true, NULL[0], DRAWS)) / 100
    assert false <= binom.ppf(0.999, DRAWS, 0.05)


def check(percent: float, shape: Shape) -> None:
    held = percent * DRAWS / 100
    assert held >= FEWEST
    assert held <= MOST or shape.few_large
