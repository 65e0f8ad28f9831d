from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.evaluation.scored import unsure, verified_twins, why_not
from tasks.joined import groups_of, links_of
from tasks.records import Overlap
from tasks.records.overlaps import Direction
from tasks.records.rows import MeasuredRecall
from tasks.storage.place import Place
from tasks.vocabulary import Method

TWINS = pa.table(
    {
        "twin_id": ["a", "b", "b", None, "a"],
        "exact": [True, False, False, False, False],
        "near": [False, True, False, False, True],
    }
)


def test_rows_that_share_a_picture_or_a_twin_are_one_group_also_through_others() -> None:
    pixels = np.array([0, 0, 1, 2, 3, 4])
    in_train = np.array([-1, 5, 5, -1, -1, -1])
    in_validation = np.array([-1, -1, 9, 9, -1, -1])
    assert groups_of(6, map(links_of, [pixels, in_train, in_validation])).tolist() == [0, 0, 0, 0, 1, 2]


def test_no_rows_have_no_groups() -> None:
    assert groups_of(0, map(links_of, [np.empty(0, np.int64)] * 2)).tolist() == []


def test_only_verified_twins_join_rows(tmp_path: Path) -> None:
    pq.write_table(TWINS, tmp_path / "test.parquet")
    first, second, below, none, last = verified_twins(Place(str(tmp_path), "test.parquet")).tolist()
    assert first == last != second
    assert second >= 0
    assert below == none == -1


@pytest.mark.parametrize(
    ("usable", "with_twin", "groups", "reason"),
    [
        (90, 20, 100, None),
        (100, 0, 100, "no_twins"),
        (49, 20, 100, "little_left"),
        (50, 20, 100, None),
        (90, 9, 100, "few_rows"),
        (90, 91, 100, "few_rows"),
        (90, 50, 11, "few_rows"),
    ],
)
def test_it_is_said_why_nothing_can_be_compared(usable: int, with_twin: int, groups: int, reason: str | None) -> None:
    assert why_not(usable, 100, np.arange(100) < with_twin, np.arange(100) * groups // 100) == reason


@pytest.mark.parametrize(
    ("method", "undecided", "recall", "reason"),
    [
        ("all pairs", 20, None, None),
        ("all pairs", 21, None, "undecided"),
        ("minhash", 0, MeasuredRecall(1000, 200, 199, 100, 100, low=0.97, high=0.999), None),
        ("minhash", 0, MeasuredRecall(1000, 200, 192, 100, 100, low=0.93, high=0.98), "missed"),
        ("minhash", 0, None, "missed"),
        ("all pairs", 0, MeasuredRecall(1000, 200, 150, 100, 80, low=None, high=None), None),
    ],
)
def test_nothing_is_trained_on_what_the_search_left_open(
    method: Method, undecided: int, recall: MeasuredRecall | None, reason: str | None
) -> None:
    of_test = Direction("test", "train", 100, 5, 15, 20, undecided, 0, 5, 0, 0, 0, {})
    assert unsure(Overlap("test", "train", "", "", (of_test,), method, None, 0.98, recall, False)) == reason
