from typing import Any

import pyarrow as pa
import pytest

from tasks.overlap.twins import TWINS
from tasks.records.removed import is_removed
from tasks.splits import sanitize
from tasks.vocabulary import SplitName


def twins(rows: list[dict[str, Any]]) -> pa.Table:
    """Return best matches of rows; missing values are null or false."""
    flags = [name for name in TWINS.names if TWINS.field(name).type == pa.bool_()]
    empty = dict.fromkeys(TWINS.names) | dict.fromkeys(flags, False)
    return pa.Table.from_pylist([empty | row for row in rows], TWINS)


def row(name: str, twin: str | None = None, percent: int = 0, exact: bool = False, **more: Any) -> dict[str, Any]:
    near = {"near": percent >= 95 and not exact, "undecided": percent == 94}
    found = near | {"twin_id": twin, "twin_class_name": "A", "jaccard": percent / 100} if twin else {}
    return {"id": name, "class_name": "A", "exact": exact} | found | more


@pytest.fixture
def twins_of_test() -> dict[SplitName, pa.Table]:
    """Return twins of five test rows in train and in validation."""
    exact = row("t4", "d", 100, exact=True)
    return {
        "train": twins([row("t0"), row("t1", "a", 94), row("t2", "b", 95), row("t3", "c", 99), exact]),
        "validation": twins(
            [
                row("t0"),
                row("t1", "v", 96),
                row("t2", "w", 95),
                row("t3", "x", 100, exact=True),
                row("t4", "y", 100, exact=True),
            ]
        ),
    }


def test_the_best_twin_is_exact_then_similar_then_in_train(twins_of_test: dict[SplitName, pa.Table]) -> None:
    removed = sanitize.removed_rows(twins_of_test, "test").to_pylist()
    named = [(r["id"], r["reason"], r["twin_id"], r["twin_split"]) for r in removed]
    assert named == [
        ("t1", "near", "v", "validation"),
        ("t2", "near", "b", "train"),
        ("t3", "exact", "x", "validation"),
        ("t4", "exact", "d", "train"),
    ]


def test_the_order_in_which_overlaps_come_does_not_matter(twins_of_test: dict[SplitName, pa.Table]) -> None:
    assert sanitize.removed_rows(twins_of_test, "test") == sanitize.removed_rows(
        dict(reversed(twins_of_test.items())), "test"
    )


def test_rows_stay_by_reason(twins_of_test: dict[SplitName, pa.Table]) -> None:
    removed = sanitize.removed_rows(twins_of_test, "test")
    ids = pa.array([f"t{i}" for i in range(5)])
    assert is_removed(ids, removed, ["exact"]).tolist() == [False, False, False, True, True]
    assert is_removed(ids, removed, ["exact", "near"]).tolist() == [False, True, True, True, True]


def test_groups_are_stars_around_the_twin_that_stays() -> None:
    removed = pa.table({"twin_id": ["a", "b", "a", "a"]})
    assert sanitize.star_groups(removed) == {"count": 2, "rows": 6, "largest": 4}
    assert sanitize.star_groups(removed.slice(0, 0)) == {"count": 0, "rows": 0, "largest": 0}


def test_a_split_without_rows_loses_none() -> None:
    assert len(sanitize.removed_rows({"train": twins([])}, "test")) == 0


def test_rows_that_stay_with_an_undecided_match_are_listed(twins_of_test: dict[SplitName, pa.Table]) -> None:
    similar = sanitize.undecided_rows(twins_of_test, sanitize.removed_rows(twins_of_test, "test"), "test").to_pylist()
    assert similar == []  # t1 has an undecided match in train, and goes because of one in validation
    in_train: dict[SplitName, pa.Table] = {"train": twins_of_test["train"]}
    (left,) = sanitize.undecided_rows(in_train, sanitize.removed_rows(in_train, "test"), "test").to_pylist()
    assert (left["id"], left["reason"], left["twin_id"], left["jaccard"]) == ("t1", "undecided", "a", 0.94)
