import pytest

from tests.benchmarks.coverage import HIGH, LOW
from tests.evaluation.hardest_rows import coverage


@pytest.mark.parametrize(("train", "test", "copies"), [(1000, 500, 80), (1000, 1000, 40)])
def test_the_effect_on_1nn_of_copies_of_the_hardest_rows_is_in_its_interval(train: int, test: int, copies: int) -> None:
    assert LOW <= coverage(500, train, test, copies) <= HIGH
