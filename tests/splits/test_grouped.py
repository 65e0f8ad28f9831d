"""Splits of groups: disjoint, of the sizes and class shares that were asked for, and the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.splits.grouped import NOWHERE, deal


def groups_like(kind: str, rows: int, seed: int) -> np.ndarray:
    """Return groups of rows: few large ones, many of a few rows, all alone, or sizes that fall off slowly."""
    rng = np.random.default_rng(seed)
    sizes = {
        "alone": np.ones(rows, np.int64),
        "pairs": rng.integers(1, 4, rows),
        "tracks": np.full(rows, 30),
        "falling": np.minimum(rng.zipf(1.8, rows), rows // 60),
    }[kind]
    found = np.repeat(np.arange(rows), sizes)
    return np.unique(rng.permutation(found[:rows]), return_inverse=True)[1]


@pytest.mark.parametrize("kind", ["alone", "pairs", "tracks", "falling"])
@pytest.mark.parametrize("mixed", [False, True])
def test_groups_stay_together_and_sizes_and_classes_are_met(kind: str, mixed: bool) -> None:
    rows, sizes = 6000, [4800, 600, 600]
    rng = np.random.default_rng(1)
    groups = groups_like(kind, rows, seed=0)
    labels = rng.integers(0, 5, rows) if mixed else rng.integers(0, 5, groups.max() + 1)[groups]
    dealt = deal(groups, labels, sizes, [0])
    assert all(len(set(dealt.bin[groups == group].tolist())) == 1 for group in np.unique(groups))
    held = np.bincount(dealt.bin, minlength=3)
    assert np.abs(held - sizes).max() <= (0.01 * rows if kind == "tracks" else 2)
    of_all = np.bincount(labels) / rows
    for number in range(3):
        shares = np.bincount(labels[dealt.bin == number], minlength=5) / held[number]
        assert np.abs(shares - of_all).max() < (0.04 if kind == "tracks" else 0.01)


def test_what_is_not_asked_for_is_left_over() -> None:
    groups = groups_like("pairs", 1000, seed=3)
    dealt = deal(groups, np.zeros(1000, np.int64), [500, 100, 100], [0])
    counts = [int((dealt.bin == number).sum()) for number in (0, 1, 2, NOWHERE)]
    assert counts == [500, 100, 100, 300]


def test_a_group_larger_than_a_split_goes_where_it_fits_and_is_named() -> None:
    groups = np.concatenate([np.zeros(300, np.int64), np.arange(1, 701)])
    dealt = deal(groups, np.zeros(1000, np.int64), [800, 100, 100], [0])
    assert set(dealt.bin[:300].tolist()) == {0}
    assert np.bincount(dealt.bin).tolist() == [800, 100, 100]
    assert dealt.confined.tolist() == [0]


def test_the_seed_decides() -> None:
    groups, labels = groups_like("falling", 2000, seed=4), np.random.default_rng(0).integers(0, 3, 2000)
    one, same, other = (deal(groups, labels, [1600, 200, 200], [seed]).bin for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=3, max_size=120),
    st.lists(st.integers(0, 60), min_size=1, max_size=4),
)
def test_whatever_the_groups_no_row_is_lost_and_no_group_is_split(
    rows: list[tuple[int, int]], sizes: list[int]
) -> None:
    groups = np.unique([group for group, _ in rows], return_inverse=True)[1]
    labels = np.array([label for _, label in rows], np.int64)
    while sum(sizes) > len(rows):
        sizes[int(np.argmax(sizes))] -= 1
    dealt = deal(groups, labels, sizes, [0])
    assert len(dealt.bin) == len(rows)
    assert set(dealt.bin.tolist()) <= {NOWHERE, *range(len(sizes))}
    for group in np.unique(groups):
        assert len(set(dealt.bin[groups == group].tolist())) == 1
