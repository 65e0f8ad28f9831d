"""Measure how often 1nn's interval has the truth where duplicates are the hardest rows of train.

    python -m tests.evaluation.hardest_rows [--draws 1000]

In each draw, rows of train that their nearest neighbour gets wrong are copied to test, and real 1nn models are trained
on both arms. The truth is the mean effect over all draws. Intervals are about one train set; here, each draw has its
own train set, too, so small train sets are the hardest case.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from tasks.evaluation.comparison import Answered, ScoredRows, effect_of_twins
from tasks.evaluation.intervals import Interval

TRAININGS = 5
SIZES = ((1000, 500, 80), (1000, 1000, 40), (2000, 1000, 200), (500, 200, 20), (300, 200, 50))  # train, test, copies
Numbers = NDArray[np.int64]


def drawn(rng: np.random.Generator, rows: int) -> tuple[NDArray[np.float64], Numbers]:
    """Return points and their classes, whose border is blurred."""
    points = rng.normal(size=(rows, 4))
    side = points[:, 0] + 0.5 * np.sin(3 * points[:, 1]) + 0.3 * rng.normal(size=rows)
    return points, (side > 0).astype(np.int64)


def interval(seed: int, train: int, test: int, copies: int) -> Interval:
    """Return the effect of copies on accuracy, in one draw."""
    rng = np.random.default_rng(seed)
    (points, classes), (own, own_classes) = drawn(rng, train), drawn(rng, test - copies)
    tree = KNeighborsClassifier(2, algorithm="kd_tree").fit(points, classes)
    wrong = np.flatnonzero(classes[tree.kneighbors(points, return_distance=False)[:, 1]] != classes)
    hardest = np.concatenate([rng.permutation(wrong), rng.permutation(np.setdiff1d(np.arange(train), wrong))])[:copies]
    asked, truth = np.concatenate([points[hardest], own]), np.append(classes[hardest], own_classes)

    def right(left_out: Numbers) -> NDArray[np.float64]:
        rows = np.setdiff1d(np.arange(train), left_out)
        model = KNeighborsClassifier(1, algorithm="kd_tree").fit(points[rows], classes[rows])
        answers: NDArray[np.float64] = (model.predict(asked) == truth).astype(np.float64)
        return answers

    counts = np.bincount(classes[hardest], minlength=2)
    others = [
        np.concatenate([rng.choice(np.flatnonzero(classes == c), counts[c], replace=False) for c in (0, 1)])
        for _ in range(TRAININGS)
    ]
    with_copies = np.stack([right(rows) for rows in others])
    found = Answered("1nn", train - copies, {"with_twins": with_copies, "without_twins": right(hardest)[np.newaxis]})
    is_copy = np.arange(test) < copies
    return effect_of_twins(found, ScoredRows(truth, np.arange(test), is_copy, ~is_copy))


def coverage(draws: int, train: int, test: int, copies: int) -> float:
    """Return in how many of 100 draws the interval has the truth."""
    found = np.array([interval(seed, train, test, copies) for seed in range(draws)])
    truth = found[:, 0].mean()
    return 100 * float(((found[:, 1] <= truth) & (truth <= found[:, 2])).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    draws = parser.parse_args().draws
    print(f"{'train':>6}{'test':>6}{'copies':>8}{'draws':>7}{'coverage %':>12}")
    for train, test, copies in SIZES:
        percent = coverage(draws, train, test, copies)
        print(f"{train:>6}{test:>6}{copies:>8}{draws:>7}{percent:>12.1f}", flush=True)


if __name__ == "__main__":
    main()
