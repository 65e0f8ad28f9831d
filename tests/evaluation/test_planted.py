"""The benchmarks of the comparison, small: planted effects are found, absent ones are not, intervals hold the truth."""

import pytest
from scipy.stats import binom

from tests.benchmarks.coverage import cover
from tests.benchmarks.effect import check_easy_twins, check_memorized, check_no_overlap
from tests.benchmarks.planted import Glyphs, draw_glyphs, easy_twins, memorized, no_overlap

ROWS, TEST = 3000, 600
DRAWS = 200
FEWEST, MOST = binom.interval(0.999, DRAWS, 0.95)  # 179 and 198: a right interval falls outside once in 1,000 runs


@pytest.fixture(scope="module")
def pool() -> Glyphs:
    return draw_glyphs(ROWS + TEST)


def test_what_only_memory_answers_is_found_in_the_model_that_memorizes(pool: Glyphs) -> None:
    planted = memorized(pool, ROWS, TEST)
    assert planted.has_twin.sum() == 60
    assert planted.twins.sum() == 30
    assert planted.groups.max() + 1 == TEST - 30, "two rows to a twin are one group"
    for found in check_memorized(planted):
        assert found.passes, found


def test_nothing_is_found_where_the_twins_are_twins_of_nothing(pool: Glyphs) -> None:
    for found in check_no_overlap(no_overlap(pool, ROWS, TEST), sizes=(500,)):
        assert found.passes, found


def test_easy_twins_lower_the_accuracy_on_what_is_left_and_have_no_effect(pool: Glyphs) -> None:
    found = check_easy_twins(easy_twins(pool, ROWS // 2, TEST), models=("softmax",))
    for row in found:
        assert row.passes, row
    assert found[0].planted > 0.5, "accuracy falls where no twin was in train, too"


@pytest.mark.parametrize(
    ("interval", "grouped"),
    [
        ("wilson", True),
        ("raw - sanitized", True),
        ("arms, one seed", True),
        ("arms, three seeds, far apart", True),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(interval: str, grouped: bool) -> None:
    held = cover(interval, grouped, DRAWS).percent * DRAWS / 100
    assert FEWEST <= held <= MOST
