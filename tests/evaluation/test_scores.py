import numpy as np
import pyarrow as pa

from tasks.evaluation.scored import as_many_per_class, score_split, subsets
from tasks.records import Training
from tasks.vocabulary import Arm

LABELS = np.repeat(np.arange(4), 25)
IDS = pa.array([f"test/{i:03d}" for i in range(100)])
REMOVED = pa.table({"id": [f"test/{i:03d}" for i in (0, 1, 30, 99)], "reason": ["exact", "near", "near", "exact"]})


def test_subsets_are_what_sanitizing_leaves_and_takes() -> None:
    masks = dict(subsets(IDS, LABELS, REMOVED, seed=0))
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {
        "raw": 100,
        "exact": 98,
        "near": 96,
        "removed": 4,
        "random": 96,
    }
    assert np.flatnonzero(masks["removed"]).tolist() == [0, 1, 30, 99]
    assert np.array_equal(masks["near"], ~masks["removed"])


def test_the_random_control_takes_as_many_rows_of_each_class() -> None:
    taken = np.zeros(100, bool)
    taken[[0, 1, 30, 99]] = True
    control = as_many_per_class(LABELS, taken, seed=0)
    assert np.bincount(LABELS[control], minlength=4).tolist() == [2, 1, 0, 1]
    assert not np.array_equal(control, taken)
    assert np.array_equal(control, as_many_per_class(LABELS, taken, seed=0))
    assert not np.array_equal(control, as_many_per_class(LABELS, taken, seed=1))


def test_a_split_is_scored_on_all_subsets_and_without_twins_on_two() -> None:
    answers = pa.table({"id": IDS, "label": LABELS, "predicted": np.where(np.arange(100) < 80, LABELS, 9)})
    removed = REMOVED.append_column("split", pa.array(["test"] * 4))
    subsets_of: dict[Arm, set[str]] = {
        "with_twins": {"raw", "exact", "near", "removed", "random"},
        "without_twins": {"raw", "removed"},
    }
    for arm, wanted in subsets_of.items():
        (scores,) = score_split([Training("1nn", 50, 0, arm)], "test", [answers], np.arange(100), removed, 0)
        assert {score.evaluated_on for score in scores} == {f"test_{name}" for name in wanted}
        found = {score.evaluated_on: (score.n, score.accuracy) for score in scores}
        assert found["test_raw"] == (100, 0.8)
        assert found["test_removed"] == (4, 0.75)


def test_no_rows_have_no_accuracy() -> None:
    answers = pa.table(
        {"id": pa.array([], pa.string()), "label": np.empty(0, np.int64), "predicted": np.empty(0, np.int64)}
    )
    one, groups = Training("1nn", 50, 0, "with_twins"), np.empty(0, np.int64)
    (scores,) = score_split([one], "validation", [answers], groups, REMOVED, 0)
    assert {(score.n, score.accuracy, score.low, score.high) for score in scores} == {(0, None, None, None)}
