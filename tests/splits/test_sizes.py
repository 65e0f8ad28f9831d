"""Notes about the sizes of grouped splits, and refused sizes."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.errors import UsageError
from tasks.records.spec import SplitSpec
from tasks.splits.grouped import deal
from tasks.splits.groups import check_groups, notes_of, sizes_of_splits


@pytest.mark.parametrize(
    ("groups", "given", "said"),
    [
        (2, {}, "train, validation and test need 3 groups, but the images form only 2; use --validation 0."),
        (
            1,
            {},
            "train, validation and test need 3 groups, but the images form only 1; add other images.",
        ),
        (
            1,
            {"validation": 0},
            "train and test need 2 groups, but the images form only 1; add other images.",
        ),
        (
            1,
            {"validation": 0, "group_by": "font"},
            "train and test need 2 groups, but the images form only 1; use a finer --group-by, or add other images.",
        ),
        (
            1,
            {"group_alike": True},
            "train, validation and test need 3 groups, but the images form only 1; use no --group-alike, "
            "or add other images.",
        ),
        (4, {"folds": 5}, "5 folds need 5 groups, but there are 4; use --folds 4."),
    ],
)
def test_too_few_groups_are_refused_with_their_number_and_what_to_try(
    groups: int, given: dict[str, Any], said: str
) -> None:
    spec = SplitSpec(source="set", **given)
    with pytest.raises(UsageError) as refused:
        check_groups(spec, sizes_of_splits(spec, 100), groups)
    assert str(refused.value) == said
    enough = SplitSpec(source="set", validation=given.get("validation"), folds=given.get("folds"))
    check_groups(enough, sizes_of_splits(enough, 100), 5)


def test_a_split_that_would_have_no_rows_is_refused_unless_none_are_asked_for() -> None:
    with pytest.raises(UsageError, match="13 images cannot fill these splits"):
        sizes_of_splits(SplitSpec(source="set", test=5), 13)
    with pytest.raises(UsageError, match="1 image cannot fill these splits"):
        sizes_of_splits(SplitSpec(source="set"), 1)
    assert sizes_of_splits(SplitSpec(source="set", test=5, validation=0), 13) == [8, 0, 5]
    assert sizes_of_splits(SplitSpec(source="set", train=6), 11) == [6, 3, 2], "no row is left over"


def test_a_group_larger_than_the_smallest_split_is_named() -> None:
    groups = np.concatenate([np.zeros(300, np.int64), np.arange(1, 701)])
    labels, ids = np.zeros(1000, np.int64), pa.array([f"i{row}" for row in range(1000)])
    sizes = [800, 100, 100]
    said = notes_of(deal(groups, labels, sizes, [0]), sizes, groups, labels, ids)
    assert said == ["groups that are larger than the smallest split: 1; the largest, of i0, has 300 images."]
    with pytest.raises(UsageError, match="the group of i0 has 300 images, but the largest split has 200"):
        notes_of(deal(groups, labels, [200, 100, 100], [0]), [200, 100, 100], groups, labels, ids)


def test_a_size_that_whole_groups_do_not_allow_is_said() -> None:
    groups, labels = np.arange(200) // 40, np.zeros(200, np.int64)
    sizes = [160, 20, 20]
    said = notes_of(deal(groups, labels, sizes, [0]), sizes, groups, labels, pa.array(map(str, range(200))))
    assert said[1:] == [
        "train has 120 rows instead of 160: no group is divided.",
        "validation has 40 rows instead of 20: no group is divided.",
        "test has 40 rows instead of 20: no group is divided.",
    ]
