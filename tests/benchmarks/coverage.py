"""Measure how often the intervals contain the truth, and how often a headline claims an effect that does not exist.

    python -m tests.benchmarks.coverage [--draws 2000]

Answers are drawn repeatedly from models with a known truth; the product's own code computes each interval. A row is
right if its difficulty is below the accuracy of the model, or of one of its trainings; rows of a group mostly share
their difficulty and the random effect of a training. The truth of each interval is:

- accuracy: the accuracy on the population of rows;
- raw - sanitized: the accuracy on the population minus the accuracy on its rows without a duplicate;
- effect: the effect of the duplicates on accuracy, over all samples of five trainings; trainings of one arm are *fixed*
  if they would all be equal; otherwise each has its own accuracy in every draw;
- headline: three models with duplicates without effect, and whether an effect is claimed for any of them.

Prints one row each, and exits with 1 when an interval contains the truth in less than 93.5 of 100 draws or more than
97, or when more than 5 of 100 headlines claim an effect. With few large groups an interval may contain it more often:
such a group is right or wrong as a whole, so an interval either covers both cases or contains the truth too seldom.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.evaluation.comparison import Answered, ScoredRows, conclude, effect_of_twins
from tasks.evaluation.intervals import Interval, accuracy, difference_of_rows
from tasks.records import Compared
from tasks.vocabulary import ModelName

LOW, HIGH, FALSE = 93.5, 97.0, 5.0
TRAININGS = 5
SHARE = 0.2  # of groups that have a twin
EASY = 0.96  # accuracy on rows that sanitizing removes
THREE: tuple[ModelName, ...] = ("softmax", "sgd", "1nn")

Sizes = Callable[[np.random.Generator], RowNumbers]


def single(rows: int) -> Sizes:
    """Return a function that returns `count` groups of one row."""
    return lambda _: np.ones(rows, np.int64)


def few(rng: np.random.Generator) -> RowNumbers:
    """Return 30 to 100 groups of one row."""
    return np.ones(rng.integers(30, 101), np.int64)


def duplicates(rng: np.random.Generator) -> RowNumbers:
    """Return 400 groups; 120 of them have two to eight rows."""
    return rng.choice((1, 2, 4, 8), 400, p=(0.7, 0.15, 0.1, 0.05))


def dominant(_: np.random.Generator) -> RowNumbers:
    """Return 400 groups; one has 30 % of the rows."""
    return np.append(171, np.ones(399, np.int64))


def zipf(_: np.random.Generator) -> RowNumbers:
    """Return 400 groups whose sizes fall as 400 / rank."""
    return 400 // np.arange(1, 401)


@dataclass(frozen=True)
class Shape:
    """A test set and a model on it.

    `together` is the share of rows of a group that share its difficulty and chance, `noise` the share of answers of a
    training that are independent of difficulty, `spread` the standard deviation of accuracies of trainings.
    """

    name: str
    sizes: Sizes
    accuracy: float = 0.86
    together: float = 1.0
    noise: float = 0.3
    spread: float = 0.003
    effect: float = 0.0  # of a twin, on the rows that have one
    fixed: bool = False
    few_large: bool = False


ACCURACIES = (
    Shape("2,000 rows", single(2000)),
    Shape("2,000 rows, accuracy 0.99", single(2000), accuracy=0.99),
    Shape("30 to 100 rows", few),
    Shape("duplicates inside test", duplicates),
    Shape("duplicates, 0.8 of them together", duplicates, together=0.8),
    Shape("one dominant group", dominant, few_large=True),
    Shape("Zipf groups", zipf, few_large=True),
)
EFFECTS = (
    Shape("nothing, 2,000 rows", single(2000)),
    Shape("nothing, 10,000 rows", single(10_000)),
    Shape("2 points, 2,000 rows", single(2000), effect=0.1),
    Shape("nothing, one arm fixed", single(2000), fixed=True),
    Shape("2 points, trainings far apart", single(2000), spread=0.02, effect=0.1),
    Shape("nothing, accuracy 0.99", single(2000), accuracy=0.99, spread=0.001),
    Shape("nothing, 30 to 100 rows", few, noise=0.6),
    Shape("duplicates, 0.8 of them together", duplicates, together=0.8, effect=0.1),
    Shape("duplicates, one arm fixed", duplicates, together=0.8, fixed=True, effect=0.1),
    Shape("one dominant group", dominant, fixed=True, few_large=True),
    Shape("Zipf groups", zipf, fixed=True, few_large=True),
)
NULL = (
    Shape("2,000 rows", single(2000)),
    Shape("10,000 rows", single(10_000)),
    Shape("2,000 rows, one arm fixed", single(2000), fixed=True),
    Shape("duplicates inside test", duplicates),
    Shape("Zipf groups", zipf),
)


@dataclass(frozen=True)
class Drawn:
    """A test set: the group of each row, which have a twin, and how hard each row is, from 0 to 1."""

    groups: RowNumbers
    has_twin: Mask
    difficulty: Floats

    @property
    def rows(self) -> ScoredRows:
        """The rows as the product knows them; two classes of equal size."""
        return ScoredRows(np.arange(len(self.groups)) % 2, self.groups, self.has_twin, ~self.has_twin)


def draw(rng: np.random.Generator, shape: Shape) -> Drawn:
    """Draw a test set with at least one group with, and one without a duplicate."""
    sizes = shape.sizes(rng)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    has_twin = rng.random(len(sizes)) < SHARE
    has_twin[:2] = True, False
    return Drawn(groups, has_twin[groups], shared(rng, 1, groups, shape.together)[0])


def shared(rng: np.random.Generator, trainings: int, groups: RowNumbers, together: float) -> Floats:
    """Return numbers from 0 to 1 (trainings, rows); rows of a group share some of them."""
    own = rng.random((trainings, len(groups)))
    of_group = rng.random((trainings, groups.max() + 1))[:, groups]
    return np.where(rng.random(own.shape) < together, of_group, own)


def answers(rng: np.random.Generator, drawn: Drawn, shape: Shape, loss: float, trainings: int) -> Floats:
    """Return right answers, 0 or 1, (trainings, rows), of trainings that lose `loss` on rows with a twin."""
    by_chance = shared(rng, trainings, drawn.groups, shape.together) < shape.noise
    seen = np.where(by_chance, shared(rng, trainings, drawn.groups, shape.together), drawn.difficulty)
    mean = rng.normal(shape.accuracy, shape.spread, trainings)[:, None] - loss * drawn.has_twin
    return (seen < mean).astype(np.float64)


def trained(rng: np.random.Generator, drawn: Drawn, shape: Shape, model: ModelName = "1nn") -> Answered:
    """Draw what the trainings of both arms answer."""
    without = 1 if shape.fixed else TRAININGS
    one = answers(rng, drawn, shape, 0.0, TRAININGS)
    other = answers(rng, drawn, shape, shape.effect, without)
    return Answered(model, 1000, {"with_twins": one, "without_twins": other}, share_used=float(shape.fixed))


def accuracy_held(shape: Shape, rng: np.random.Generator) -> bool:
    """Draw one accuracy."""
    drawn = draw(rng, shape)
    right = answers(rng, drawn, replace(shape, spread=0.0), 0.0, 1)[0]
    return within(accuracy(right, drawn.groups), shape.accuracy)


def raw_minus_sanitized_held(shape: Shape, rng: np.random.Generator) -> bool:
    """Draw the accuracies of one model on all rows, and on sanitized rows."""
    drawn = draw(rng, shape)
    right = (drawn.difficulty < np.where(drawn.has_twin, EASY, shape.accuracy)).astype(np.float64)
    interval = difference_of_rows(right, ~drawn.has_twin, drawn.groups)
    return within(interval, 100 * float(drawn.has_twin.mean()) * (EASY - shape.accuracy))


def effect_held(shape: Shape, rng: np.random.Generator) -> bool:
    """Draw both arms, and the effect of the duplicates on accuracy."""
    drawn = draw(rng, shape)
    interval = effect_of_twins(trained(rng, drawn, shape), drawn.rows)
    return within(interval, 100 * float(drawn.has_twin.mean()) * shape.effect)


def headline_is_true(shape: Shape, rng: np.random.Generator) -> bool:
    """Draw three models whose twins do nothing, and see whether the headline says so."""
    drawn = draw(rng, shape)
    models = [trained(rng, drawn, shape, model) for model in THREE]
    return not any(one.significant for one in conclude(models, drawn.rows, Compared("", 1000, None)))


def within(interval: Interval | None, truth: float) -> bool:
    """Say whether an interval holds the truth."""
    return interval is not None and interval[1] <= truth <= interval[2]


def count(held: Callable[[Shape, np.random.Generator], bool], shape: Shape, draws: int) -> float:
    """Return in how many of 100 draws something holds."""
    return 100 * sum(held(shape, np.random.default_rng([number, 1])) for number in range(draws)) / draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    failed = 0
    print(f"{'interval':<18}{'test set':<32}{'draws':>6}{'coverage %':>12}")
    for name, held, shapes in (
        ("accuracy", accuracy_held, ACCURACIES),
        ("raw - sanitized", raw_minus_sanitized_held, ACCURACIES[:5]),
        ("effect", effect_held, EFFECTS),
    ):
        for shape in shapes:
            percent = count(held, shape, draws)
            good = percent >= LOW and (percent <= HIGH or shape.few_large)
            print(f"{name:<18}{shape.name:<32}{draws:>6}{percent:>12.1f}  {'pass' if good else 'FAIL'}", flush=True)
            failed += not good
    print(f"\n{'headline':<18}{'test set':<32}{'draws':>6}{'false %':>12}")
    for shape in NULL:
        percent = 100 - count(headline_is_true, shape, 2 * draws)  # it is close to its limit
        good = percent <= FALSE
        print(
            f"{'3 models':<18}{shape.name:<32}{2 * draws:>6}{percent:>12.1f}  {'pass' if good else 'FAIL'}", flush=True
        )
        failed += not good
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
