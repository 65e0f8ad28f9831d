import numpy as np
import pytest

from tasks.evaluation.comparison import Answered, ScoredRows, compare, conclude
from tasks.records import Compared
from tasks.vocabulary import ModelName, Unmeasured

ROWS = 400
HAS_TWIN = np.arange(ROWS) < 100
TEST = ScoredRows(np.arange(ROWS) % 4, np.arange(ROWS), HAS_TWIN, ~HAS_TWIN)
TOLD = Compared("", 1000, None)


def answered(
    gain: float, others: float = 0.0, model: ModelName = "1nn", trainings: int = 5, base: float = 0.8
) -> Answered:
    """Return arms; one gains some accuracy on rows with a duplicate, and some on the others."""
    rng = np.random.default_rng(0)
    difficulty = np.arange(ROWS) * 37 % 100 / 100 + rng.normal(0, 0.02, (trainings, ROWS))
    without = (difficulty < base).astype(float)
    with_twins = (difficulty < base + np.where(HAS_TWIN, gain, others)).astype(float)
    return Answered(model, 1000, {"with_twins": with_twins, "without_twins": without})


def test_only_the_difference_between_rows_with_and_without_a_twin_is_the_effect() -> None:
    found = {effect.comparison: effect for effect in compare(answered(0.15, 0.1), TEST)}
    with_twin, others, effect = (found[name] for name in ("on_rows_with_twin", "on_other_rows", "effect_of_twins"))
    assert with_twin.points == pytest.approx(15, abs=4)
    assert others.points == pytest.approx(10, abs=3)
    assert others.low is not None
    assert others.low > 0
    assert effect.points == pytest.approx(0.25 * ((with_twin.points or 0) - (others.points or 0)))
    (said,) = conclude([answered(0.1, 0.1)], TEST, TOLD)
    assert not said.significant, "all rows lose equally"
    (said,) = conclude([answered(0.2)], TEST, TOLD)
    assert said.significant
    assert said.points == pytest.approx(5, abs=1)


def test_intervals_of_several_models_are_wider_than_that_of_one() -> None:
    (alone,) = conclude([answered(0.2)], TEST, TOLD)
    three = conclude([answered(0.2, model=model) for model in ("softmax", "sgd", "1nn")], TEST, TOLD)
    for one in three:
        assert one.points == alone.points
        assert None not in (one.low, alone.low, one.high, alone.high)
        assert (one.low or 0) < (alone.low or 0)
        assert (one.high or 0) > (alone.high or 0)


def test_it_is_said_of_the_largest_compared_size() -> None:
    small = answered(0.0)
    large = Answered("1nn", 2000, answered(0.2).right)
    alone = Answered("1nn", 3000, {"with_twins": small.right["with_twins"]})
    (said,) = conclude([small, large, alone], TEST, TOLD)
    assert (said.train_rows, said.trainings, said.significant) == (2000, 5, True)


@pytest.mark.parametrize(
    ("found", "compared", "reason"),
    [
        (answered(0.2), Compared("", 1000, "little_left"), "little_left"),
        (answered(0.2, trainings=4), TOLD, "few_trainings"),
        (answered(0.1, base=0.2), TOLD, "chance"),
    ],
)
def test_what_can_not_be_told_is_not_told(found: Answered, compared: Compared, reason: Unmeasured) -> None:
    (said,) = conclude([found], TEST, compared)
    assert (said.reason, said.points, said.low, said.high, said.significant) == (reason, None, None, None, False)


def test_an_arm_that_is_always_the_same_is_compared_with_every_training_of_the_other() -> None:
    found = answered(0.2)
    fixed = Answered(
        "1nn", 1000, {"with_twins": found.right["with_twins"], "without_twins": found.right["without_twins"][:1]}
    )
    (said,) = conclude([fixed], TEST, TOLD)
    assert said.trainings == 5
    assert said.significant
