import numpy as np
import pyarrow as pa
import pytest

from tasks.evaluation.bootstrap import Bootstrap
from tasks.evaluation.controls import arm, clusters
from tasks.evaluation.plan import notes_on, trainings

LABELS = np.repeat(np.arange(3), 40)
TWINS = np.random.default_rng(0).random(120) < 0.2


def test_arms_leave_out_the_twins_or_as_many_random_rows_of_each_class() -> None:
    everything, without_twins, without_random = (
        arm(control, LABELS, TWINS, seed=1) for control in ("none", "without_twins", "without_random")
    )
    assert everything.tolist() == list(range(120))
    assert not TWINS[without_twins].any()
    assert len(without_twins) == len(without_random) == 120 - TWINS.sum()
    assert np.array_equal(np.bincount(LABELS[without_twins]), np.bincount(LABELS[without_random]))
    assert TWINS[without_random].any()
    assert (np.diff(without_random) > 0).all(), "in the order of train"


def test_seeds_take_blocks_that_share_no_row_where_train_is_large_enough() -> None:
    assert trainings((50, "all"), 1000, 1000) == [(50, 0), (50, 1), (50, 2), (1000, 0)]
    assert trainings((50, 5000), 120, 120) == [(50, 0), (50, 1)]
    assert trainings((20_000,), 100_000, 110_000) == [(20_000, 0)]
    assert trainings(("all",), 0, 0) == []


def test_unchanged_train_alone_gives_more_than_every_arm_can() -> None:
    assert trainings((100, 150, 200), 120, 160) == [(100, 0), (150, 0)]
    assert notes_on((100, 150, 200), 120, 160) == [
        "no training on 200 rows: train has 160",
        "training on 150 rows without controls: train has 120 without a twin in test",
    ]
    assert notes_on((50, "all"), 120, 160) == []


def test_rows_with_one_best_twin_are_one_group() -> None:
    removed = pa.table({"id": ["t1", "t2", "t4"], "twin_id": ["a", "a", "b"]})
    groups = clusters(pa.array(["t0", "t1", "t2", "t3", "t4"]), removed)
    assert groups[1] == groups[2]
    assert len(set(groups.tolist())) == 4


@pytest.mark.parametrize("group_size", [1, 4])
def test_intervals_hold_the_truth_as_often_as_they_say(group_size: int) -> None:
    """In 95 of 100 draws, also when the rows of a group are right or wrong together."""
    rng, held, draws, rows = np.random.default_rng(3), 0, 300, 240
    groups = np.repeat(np.arange(rows // group_size), group_size)
    truth = 100 * (0.9 - 0.8)
    for _ in range(draws):
        right = [(rng.random(rows // group_size) < share).astype(float)[groups][None] for share in (0.9, 0.8)]
        interval = Bootstrap(groups, seed=int(rng.integers(10**6))).difference_of_arms(*right)
        assert interval is not None
        held += interval[1] <= truth <= interval[2]
    assert 0.91 <= held / draws <= 0.98


def test_seeds_that_disagree_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    agree = np.tile((rng.random(500) < 0.9).astype(float), (3, 1))
    apart = np.stack([(rng.random(500) < share).astype(float) for share in (0.7, 0.8, 0.9)])
    bootstrap = Bootstrap(np.arange(500), seed=0)
    narrow, wide = (bootstrap.difference_of_arms(arms, np.zeros_like(arms)) for arms in (agree, apart))
    assert narrow is not None
    assert wide is not None
    assert wide[2] - wide[1] > 2 * (narrow[2] - narrow[1])


def test_without_rows_there_is_no_difference() -> None:
    bootstrap = Bootstrap(np.empty(0, np.int64), seed=0)
    assert bootstrap.difference_of_arms(np.empty((1, 0)), np.empty((1, 0))) is None
    assert bootstrap.difference_of_rows(np.empty(0), np.empty(0, bool)) is None
    for kept in (np.zeros(4, bool), np.ones(4, bool)):  # nothing left, nothing removed
        assert Bootstrap(np.arange(4), seed=0).difference_of_rows(np.ones(4), kept) is None
