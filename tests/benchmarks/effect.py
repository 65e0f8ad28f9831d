"""Planted cases that the comparison of arms must distinguish, with real models on rendered glyphs.

    python -m tests.benchmarks.effect [--draws 20] [--nulls 100]

Glyphs are drawn by the default data set's renderer, in wider styles: about as hard as notMNIST.

- memorized: some test rows have a duplicate in train, both with one random letter that only memory can answer: 1nn must
  gain the planted 9, 3 and 1 points, and strongly regularized softmax nothing. The output is the mean gain over draws,
  the width of the interval of three models, and in how many draws it excludes 0 (its power);
- nothing: random rows without a counterpart are called duplicates, so no headline may claim an effect for softmax, sgd
  and 1nn together;
- easy third: the easiest third of train has duplicates in test, with the right letter. Removing it costs 1nn accuracy
  on rows without a duplicate, which must not be called an effect of the duplicates.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tasks.arrays import Floats, Labels, Pixels
from tasks.evaluation.comparison import ENOUGH, Answered, ScoredRows, compare, conclude
from tasks.evaluation.models import fit, predict
from tasks.evaluation.neighbours import NEAREST, nearest
from tasks.evaluation.plan import DETERMINED, threads_of
from tasks.evaluation.training import rows_of_arm
from tasks.records import Compared, Conclusion, Effect
from tasks.storage.images import as_rows, restore
from tasks.vocabulary import ARMS, Arm, ModelName
from tests.benchmarks.planted import Glyphs, Planted, draw_glyphs, easy_third, memorized, no_overlap

ROWS, TEST = 10_000, 3_000
NULL_ROWS, NULL_TEST = 300, 2_000
MODELS: tuple[ModelName, ...] = ("softmax", "sgd", NEAREST)
POINTS = 9, 3, 1  # planted
LEAST_FOUND, MOST_FOUND = 0.8, 1.1  # shares of the planted effect
FALSE = 0.05

Fit = Callable[[Pixels, Labels, int], ClassifierMixin]


def regularized(pixels: Pixels, labels: Labels, _seed: int) -> ClassifierMixin:
    """Fit softmax that can't memorize."""
    return LogisticRegression(C=0.01, max_iter=1000).fit(pixels, labels)


def trained(planted: Planted, model: ModelName, train: Fit | None = None, count: int | None = None) -> Answered:
    """Train both arms as the product does, on `count` rows or on all that both have."""
    usable = int((~planted.twins).sum())
    count = count or usable
    plan = {
        arm: [
            rows_of_arm(arm, count, planted.train.labels, planted.twins, seed, again=seed > 0)
            for seed in range(1 if arm == ARMS[1] and count == usable and model in DETERMINED else ENOUGH)
        ]
        for arm in ARMS
    }
    if model == NEAREST:
        gray, queries = (as_rows(restore(glyphs.pixels[:, None])) for glyphs in (planted.train, planted.test))
        found = iter(nearest(gray, [rows for sets in plan.values() for rows in sets], queries))
        answers = {arm: [planted.train.labels[next(found)] for _ in sets] for arm, sets in plan.items()}
    else:
        fitted = train or partial(fit, model)
        with threadpool_limits(threads_of(count)):
            answers = {
                arm: [
                    predict(fitted(planted.train.pixels[rows], planted.train.labels[rows], seed), planted.test.pixels)[
                        0
                    ]
                    for seed, rows in enumerate(sets)
                ]
                for arm, sets in plan.items()
            }
    right: dict[Arm, Floats] = {arm: (np.stack(rows) == planted.test.labels) * 1.0 for arm, rows in answers.items()}
    return Answered(model, count, right, count / usable)


def scored(planted: Planted) -> ScoredRows:
    """Return the test rows as the product knows them."""
    return ScoredRows(planted.test.labels, planted.groups, planted.has_twin, ~planted.has_twin)


def conclusions(planted: Planted, found: Sequence[Answered]) -> list[Conclusion]:
    """Return the conclusions of the product on some models."""
    return conclude(found, scored(planted), Compared("", len(planted.twins), None))


def effects(planted: Planted, found: Answered) -> dict[str, Effect]:
    """Return the comparisons of the product, by name."""
    return {effect.comparison: effect for effect in compare(found, scored(planted))}


@dataclass(frozen=True)
class Line:
    """What was found in a case, and whether it is as it should be."""

    case: str
    text: str
    passes: bool

    def __str__(self) -> str:
        return f"{self.case:<34}{self.text:<40}{'pass' if self.passes else 'FAIL'}"


def check_memorized(pool: Glyphs, points: float, draws: int, rows: int = ROWS, test: int = TEST) -> Line:
    """1nn gains the planted effect, in the mean over draws; the interval belongs to a headline on three models."""
    planted_points, found = [], []
    for number in range(draws):
        planted = memorized(pool.shuffled(number), rows, test, points / 90, number)
        one = trained(planted, NEAREST)
        found.append(conclusions(planted, [replace(one, model=name) for name in MODELS])[0])
        planted_points.append(planted.points)
    mean, planned = float(np.mean([one.points for one in found])), float(np.mean(planted_points))
    width = float(np.mean([(one.high or 0) - (one.low or 0) for one in found]))
    power = float(np.mean([one.significant for one in found]))
    text = f"{planned:>9.2f}{mean:>9.2f}{width:>9.2f}{100 * power:>8.0f}%"
    return Line(f"memorized, 1nn, {rows:,} and {test:,}", text, LEAST_FOUND * planned <= mean <= MOST_FOUND * planned)


def check_regularized(pool: Glyphs, rows: int = ROWS, test: int = TEST) -> Line:
    """Softmax that cannot memorize gains at most a tenth of the planted effect."""
    planted = memorized(pool, rows, test)
    found = effects(planted, trained(planted, "softmax", regularized))["effect_of_twins"].points or 0.0
    text = f"{planted.points:>9.2f}{found:>9.2f}"
    return Line("memorized, softmax, C = 0.01", text, abs(found) <= 0.1 * planted.points)


def check_nothing(pool: Glyphs, draws: int, rows: int = NULL_ROWS, test: int = NULL_TEST) -> Line:
    """Hardly any headline claims an effect that does not exist."""
    false = 0
    for number in range(draws):
        planted = no_overlap(pool.shuffled(number), rows, test, number)
        models = [trained(planted, model) for model in MODELS]
        false += any(one.significant for one in conclusions(planted, models))
    return Line("nothing, softmax, sgd, 1nn", f"{false} of {draws} headlines claim something", false <= FALSE * draws)


def check_easy_third(pool: Glyphs, test: int = TEST) -> list[Line]:
    """Check that losing the easy third of train, which costs 1nn accuracy on other rows, is not called an effect."""
    planted = easy_third(pool, test // 2, test)
    found = effects(planted, trained(planted, NEAREST))
    lines = []
    for name, passes in (("on_rows_with_twin", True), ("on_other_rows", (found["on_other_rows"].low or 0) > 0)):
        one = found[name]
        lines.append(Line(f"easy third, 1nn, {name}", f"{one.points:>9.2f} ({one.low:.2f} to {one.high:.2f})", passes))
    return lines


def checks(pool: Glyphs, draws: int, nulls: int) -> Iterator[Line]:
    """Yield all lines."""
    for points in POINTS:
        yield check_memorized(pool, points, draws)
    yield check_regularized(pool)
    yield check_nothing(pool, nulls)
    yield from check_easy_third(pool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--nulls", type=int, default=100)
    given = parser.parse_args()
    print(f"{'case':<34}{'planted':>9}{'found':>9}{'width':>9}{'power':>9}")
    lines = []
    for line in checks(draw_glyphs(2 * (ROWS + TEST)), given.draws, given.nulls):
        print(line, flush=True)
        lines.append(line)
    print(f"planted cases: {sum(line.passes for line in lines)} of {len(lines)} as they should be")
    raise SystemExit(not all(line.passes for line in lines))


if __name__ == "__main__":
    main()
