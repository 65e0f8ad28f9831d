"""Duplicates in some classes: ``python -m tests.benchmarks.classes_of_twins [--draws 1000]``.

Every draw has new points of several classes, and nearest-neighbour models are trained on them as in the product.
Duplicates are random rows, of all classes, of one class, or of the minorities of an uneven set; in real sets they are
in some classes, too.

- nothing: the duplicates have no counterpart, so both arms lose random rows. The output is how many of 100 draws have 0
  in each interval, and how many headlines on three models, each with other coordinates, claim an effect;
- planted: test rows with a duplicate are copies of it, so a model that has seen it is right. The output is the mean
  gain of 1nn in points, how often the headline finds it, and how often it abstains.

Exits with 1 when an interval contains 0 in less than 93.5 of 100 draws, when the 95 % interval of the false headlines
is above 5 %, when fewer than 80 % of planted effects of 3 points and more are found, or when more than 10 % abstain.
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from tasks.arrays import Floats, Labels, Mask
from tasks.evaluation.comparison import ENOUGH, Answered, ScoredRows, compare, conclude
from tasks.evaluation.scored import why_not
from tasks.evaluation.training import rows_of_arm
from tasks.records import Compared, Conclusion
from tasks.vocabulary import Arm, Comparison, ModelName

TEST, COORDINATES = 2000, 6
LOW, HIGH, FALSE, POWER, ABSTAIN = 93.5, 97.0, 0.05, 0.8, 0.1
INTERVALS: tuple[Comparison, ...] = ("effect_of_twins", "on_rows_with_twin", "on_other_rows")
SEEN: dict[ModelName, slice] = {"1nn": slice(None), "softmax": slice(0, 4), "sgd": slice(2, 6)}  # names of three models


class Shape(NamedTuple):
    """Shares of classes, classes with duplicates, and the share of their rows with a duplicate in the other split.

    Trained is on `rows` of the `train` rows that are drawn, or on all without a twin where it is 0.
    """

    name: str
    classes: Sequence[float]
    with_twins: Sequence[int]
    in_train: float
    in_test: float
    rows: int = 0
    train: int = 400


NOTHING = (
    Shape("evenly", [0.1] * 10, range(10), 0.1, 0.1),
    Shape("one of ten classes", [0.1] * 10, [0], 0.5, 0.5),
    Shape("one of three classes", [1 / 3] * 3, [0], 0.3, 0.3),
    Shape("minorities of 90/7/3", [0.9, 0.07, 0.03], [1, 2], 0.5, 0.5),
    Shape("nearly all of these", [0.9, 0.07, 0.03], [1, 2], 0.9, 0.9),
    Shape("one of ten, 150 rows", [0.1] * 10, [0], 0.5, 0.5, 150),
)
PLANTED = (
    Shape("evenly", [0.1] * 10, range(10), 0.1, 0.08, train=2000),
    Shape("one of ten classes", [0.1] * 10, [0], 0.3, 0.9, train=2000),
    Shape("one of three classes", [1 / 3] * 3, [0], 0.3, 0.7, train=2000),
)


class Drawn(NamedTuple):
    """Points of train and test, float64 (n, coordinates), their classes, and which are twins or have one."""

    train: Floats
    labels: Labels
    twins: Mask
    test: Floats
    rows: ScoredRows


def draw(shape: Shape, planted: bool, rng: np.random.Generator) -> Drawn:
    """Draw train and test."""
    centres = rng.normal(size=(len(shape.classes), COORDINATES))
    labels, own = (rng.choice(len(shape.classes), n, p=shape.classes) for n in (shape.train, TEST))
    train, test = (centres[of] + rng.normal(size=(len(of), COORDINATES)) for of in (labels, own))
    twins, has_twin = (
        np.isin(of, shape.with_twins) & (rng.random(len(of)) < share)
        for of, share in ((labels, shape.in_train), (own, shape.in_test))
    )
    groups = np.arange(TEST)
    if planted:
        of = rng.choice(np.flatnonzero(twins), has_twin.sum())
        test[has_twin], own[has_twin], groups[has_twin] = train[of], labels[of], TEST + of
    return Drawn(train, labels, twins, test, ScoredRows(own, groups, has_twin, ~has_twin))


def trained(drawn: Drawn, rows: int, model: ModelName = "1nn") -> Answered:
    """Train both arms on some rows, or on all that both have, as the product does."""
    usable = int((~drawn.twins).sum())
    count = rows or usable
    train, test = drawn.train[:, SEEN[model]], drawn.test[:, SEEN[model]]
    distances = (train**2).sum(axis=1) - 2 * test @ train.T

    def right(arm: Arm, times: int) -> Floats:
        chosen = [rows_of_arm(arm, count, drawn.labels, drawn.twins, seed, again=seed > 0) for seed in range(times)]
        answers = [drawn.labels[some[distances[:, some].argmin(axis=1)]] for some in chosen]
        return (np.stack(answers) == drawn.rows.labels) * 1.0

    fixed = 1 if count == usable else ENOUGH
    arms: dict[Arm, Floats] = {
        "with_twins": right("with_twins", ENOUGH),
        "without_twins": right("without_twins", fixed),
    }
    return Answered(model, count, arms, count / usable)


def hold_nothing(drawn: Drawn, rows: int) -> list[bool]:
    """Say of each of `INTERVALS` whether it holds 0."""
    found = {effect.comparison: effect for effect in compare(trained(drawn, rows), drawn.rows)}
    return [(found[name].low or 0) <= 0 <= (found[name].high or 0) for name in INTERVALS]


def concluded(drawn: Drawn, rows: int) -> list[Conclusion]:
    """Return the conclusions of the product on three models."""
    usable = int((~drawn.twins).sum())
    reason = why_not(usable, len(drawn.twins), drawn.rows.has_twin, drawn.rows.groups)
    return conclude([trained(drawn, rows, model) for model in SEEN], drawn.rows, Compared("", usable, reason))


def check_nothing(shape: Shape, draws: int) -> bool:
    """Print how often intervals hold 0, and how often a headline claims something."""
    held, false = np.zeros(len(INTERVALS), np.int64), 0
    for number in range(draws):
        drawn = draw(shape, False, np.random.default_rng([number, 7]))
        held += hold_nothing(drawn, shape.rows)
        false += any(one.significant for one in concluded(drawn, shape.rows))
    percent, least = 100 * held / draws, binomtest(false, draws).proportion_ci(0.95).low
    text = "".join(f"{value:>9.1f}" for value in percent) + f"{100 * false / draws:>11.1f}"
    return printed("nothing", shape, text, bool((percent >= LOW).all()) and least <= FALSE)


def check_planted(shape: Shape, draws: int) -> bool:
    """Print how often the headline finds what was planted in 1nn, and how often it abstains."""
    points, found, silent = 0.0, 0, 0
    for number in range(draws):
        drawn = draw(shape, True, np.random.default_rng([number, 8]))
        said = concluded(drawn, shape.rows)[0]
        points, found, silent = (
            points + (said.points or 0),
            found + said.significant,
            silent + (said.reason is not None),
        )
    text = f"{points / draws:>9.1f}{100 * found / draws:>9.1f}{100 * silent / draws:>9.1f}"
    return printed("planted", shape, text, found >= POWER * draws and silent <= ABSTAIN * draws)


def printed(case: str, shape: Shape, text: str, good: bool) -> bool:
    """Print a line, and return whether it is as it should be."""
    print(f"{case:<10}{shape.name:<24}{text}  {'pass' if good else 'FAIL'}", flush=True)
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    draws = parser.parse_args().draws
    print(f"{'':<10}{'twins':<24}{'effect':>9}{'with':>9}{'others':>9}{'headlines':>11}")
    good = [check_nothing(shape, draws) for shape in NOTHING]
    print(f"{'':<10}{'twins':<24}{'points':>9}{'found':>9}{'silent':>9}")
    good += [check_planted(shape, draws // 5) for shape in PLANTED]
    raise SystemExit(not all(good))


if __name__ == "__main__":
    main()
