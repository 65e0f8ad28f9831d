"""How often the 95 % intervals hold the truth, on rows alone and on rows that come in groups.

    python -m tests.benchmarks.coverage [--draws 1000]

Answers are drawn from models whose truth is known, again and again; each interval is built by the product's own
code. Rows of a group are mostly right or wrong together. The truth is what the interval claims to hold:

- wilson: the accuracy on the population of rows;
- raw - sanitized: the accuracy of one model on the population minus that on the part of it that has no twin;
- arms, one seed: the difference of two given models on the population, whatever other trainings would give;
- arms, three seeds: its mean over trainings. Each training has an effect of its own, drawn anew in every draw:
  one much larger than the noise of the rows (few training rows), or one much smaller (many).

Prints a row per interval and exits with 1 when one holds the truth in less than 93 or more than 97 of 100 draws.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.evaluation.bootstrap import Bootstrap, Interval
from tasks.evaluation.scores import wilson
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers

LOW, HIGH = 93.0, 97.0
GROUPS = 400
GROUP_SIZES, SIZE_SHARES = (1, 2, 4, 8), (0.7, 0.15, 0.1, 0.05)
TOGETHER = 0.8  # of the rows of a group share its difficulty
NOISE = 0.3  # of the answers of a training have nothing to do with the difficulty of the row
ACCURACIES = (0.86, 0.82)  # of two arms
REMOVED, EASY, KEPT = 0.15, 0.96, 0.86  # share of groups that sanitizing removes; accuracy on them, and on the rest

Draw = Callable[[np.random.Generator, bool, int], tuple[Interval | None, float]]  # interval and truth, in points


@dataclass(frozen=True)
class Coverage:
    """How often an interval held the truth."""

    interval: str
    rows: str
    draws: int
    percent: float

    @property
    def passes(self) -> bool:
        """Say whether it held it about as often as it claims."""
        return LOW <= self.percent <= HIGH

    def __str__(self) -> str:
        verdict = "pass" if self.passes else "FAIL"
        return f"{self.interval:<34}{self.rows:<8}{self.draws:>6}{self.percent:>11.1f}  {verdict}"


def draw_groups(rng: np.random.Generator, grouped: bool, may_be_large: Mask | None = None) -> RowNumbers:
    """Return the group of every row; groups that may not be large are single rows."""
    sizes = rng.choice(GROUP_SIZES, GROUPS, p=SIZE_SHARES) if grouped else np.ones(GROUPS, np.int64)
    if may_be_large is not None:
        sizes[~may_be_large] = 1
    return np.repeat(np.arange(GROUPS), sizes)


def difficulties(rng: np.random.Generator, groups: RowNumbers) -> Floats:
    """Return the difficulty of every row, uniform in [0, 1): a model of accuracy p is right where it is below p."""
    return np.where(rng.random(len(groups)) < TOGETHER, rng.random(GROUPS)[groups], rng.random(len(groups)))


def answers(rng: np.random.Generator, difficulty: Floats, accuracy: Floats) -> Floats:
    """Return right answers, 0 or 1, shape (trainings, rows), of trainings of given accuracy."""
    shape = len(accuracy), len(difficulty)
    seen = np.where(rng.random(shape) < NOISE, rng.random(shape), difficulty)
    return (seen < accuracy[:, None]).astype(np.float64)


def accuracy(rng: np.random.Generator, grouped: bool, _number: int) -> tuple[Interval | None, float]:
    """Draw one accuracy."""
    groups = draw_groups(rng, grouped)
    share, low, high = (100 * (number or 0.0) for number in wilson(difficulties(rng, groups) < KEPT, groups))
    return (share, low, high), 100 * KEPT


def raw_minus_sanitized(rng: np.random.Generator, grouped: bool, number: int) -> tuple[Interval | None, float]:
    """Draw the accuracies of one model on all rows, and on those that sanitizing leaves."""
    removed = rng.random(GROUPS) < REMOVED
    groups = draw_groups(rng, grouped, removed)
    right = difficulties(rng, groups) < np.where(removed[groups], EASY, KEPT)
    size = float(np.dot(GROUP_SIZES, SIZE_SHARES)) if grouped else 1.0
    share = REMOVED * size / (REMOVED * size + 1 - REMOVED)  # of rows
    interval = Bootstrap(groups, number).difference_of_rows(right.astype(np.float64), ~removed[groups])
    return interval, 100 * share * (EASY - KEPT)


def arms(seeds: int, spread: float) -> Draw:
    """Return a function that draws two arms, each of `seeds` trainings whose accuracies spread by `spread`."""

    def draw(rng: np.random.Generator, grouped: bool, number: int) -> tuple[Interval | None, float]:
        groups = draw_groups(rng, grouped)
        difficulty = difficulties(rng, groups)
        one, two = (answers(rng, difficulty, rng.normal(mean, spread, seeds)) for mean in ACCURACIES)
        return Bootstrap(groups, number).difference_of_arms(one, two), 100 * (ACCURACIES[0] - ACCURACIES[1])

    return draw


INTERVALS: dict[str, Draw] = {
    "wilson": accuracy,
    "raw - sanitized": raw_minus_sanitized,
    "arms, one seed": arms(1, 0.0),
    "arms, three seeds, far apart": arms(3, 0.03),
    "arms, three seeds, close together": arms(3, 0.002),
}


def cover(name: str, grouped: bool, draws: int) -> Coverage:
    """Count how often an interval holds the truth."""
    held = 0
    for number in range(draws):
        interval, truth = INTERVALS[name](np.random.default_rng([number, grouped]), grouped, number)
        held += interval is not None and interval[1] <= truth <= interval[2]
    return Coverage(name, "groups" if grouped else "rows", draws, 100 * held / draws)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    draws = parser.parse_args().draws
    print(f"{'interval':<34}{'':<8}{'draws':>6}{'coverage %':>11}")
    failed = 0
    for name in INTERVALS:
        for grouped in (False, True):
            found = cover(name, grouped, draws)
            print(found, flush=True)
            failed += not found.passes
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
