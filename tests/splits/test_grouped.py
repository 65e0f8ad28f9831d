"""Splits of groups: disjoint, of the sizes and class shares that were asked for, and the same for the same seed."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.splits.grouped import NOWHERE, deal


def groups_like(kind: str, rows: int, seed: int) -> np.ndarray:
    """Return groups of rows: a few large ones, many of a few rows, single rows, or slowly falling sizes."""
    rng = np.random.default_rng(seed)
    sizes = {
        "alone": np.ones(rows, np.int64),
        "pairs": rng.integers(1, 4, rows),
        "tracks": np.full(rows, 30),
        "falling": np.minimum(rng.zipf(1.8, rows), rows // 60),
    }[kind]
    found = np.repeat(np.arange(rows), sizes)
    return np.unique(rng.permutation(found[:rows]), return_inverse=True)[1]


def cost(held: np.ndarray, wanted: np.ndarray) -> float:
    """Return the cost of the rows of each class in a bin: the best possible sizes and classes cost the least."""
    differences = [*(held - wanted), 2 * (held.sum() - wanted.sum())]
    return float(sum(one * one for one in differences) / wanted.sum())


def shares(left: np.ndarray, size: int) -> np.ndarray:
    """Divide a size in the proportions of the remaining rows of each class, by the largest remainders."""
    exact = [Fraction(int(rows) * size, int(left.sum())) for rows in left]
    found = np.array([int(share) for share in exact])
    largest = sorted(range(len(left)), key=lambda label: (found[label] - exact[label], label))
    found[largest[: size - found.sum()]] += 1
    return found


def least_cost(counts: np.ndarray, sizes: list[int]) -> float:
    """Return the cost of the best assignment of groups, by trying all; some may be left over if rows are."""
    left, wanted = counts.sum(axis=0), []
    for size in sizes:
        wanted.append(shares(left, size))
        left = left - wanted[-1]
    places = [*(number for number, size in enumerate(sizes) if size), *[NOWHERE] * bool(left.sum())]
    costs = []
    for way in product(places, repeat=len(counts)):
        held = [counts[[place == number for place in way]] for number in range(len(sizes))]
        if all(len(held[number]) for number in range(len(sizes)) if sizes[number]):
            costs.append(sum(cost(held[n].sum(axis=0), wanted[n]) for n in range(len(sizes)) if sizes[n]))
    return min(costs)


@pytest.mark.parametrize(
    ("groups", "sizes", "found"),
    [
        (3, [192, 24, 24], [80, 80, 80]),
        (4, [192, 24, 24], [120, 60, 60]),
        (5, [192, 24, 24], [144, 48, 48]),
        (2, [192, 0, 48], [120, 0, 120]),
        (5, [192, 0, 48], [192, 0, 48]),
        (20, [216, 12, 12], [216, 12, 12]),
        (20, [238, 1, 1], [216, 12, 12]),
        (20, [120, 1, 1], [120, 12, 12]),
    ],
)
@pytest.mark.parametrize("classes", ["one", "two", "uneven", "own"])
def test_equal_groups_leave_no_split_empty_and_have_the_best_sizes(
    groups: int, sizes: list[int], found: list[int], classes: str
) -> None:
    rows = np.arange(240)
    group = rows * groups // 240
    labels = {"one": rows * 0, "two": rows % 2, "uneven": np.minimum(rows % 6, 1), "own": group}[classes]
    ways = [deal(group, labels, sizes, [seed]) for seed in range(10)]
    for seed, dealt in enumerate(ways):
        assert np.bincount(dealt[dealt != NOWHERE], minlength=3).tolist() == found
        assert dealt.tolist() == deal(group, labels, sizes, [seed]).tolist()
    assert len({tuple(dealt.tolist()) for dealt in ways}) > 1, "the seed decides between equal groups"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=5),
    st.integers(1, 3),
    st.floats(0.05, 0.5),
    st.floats(0, 0.4),
    st.booleans(),
)
def test_few_groups_are_dealt_out_in_the_best_of_all_ways(
    drawn: list[list[int]], classes: int, test: float, validation: float, some_left: bool
) -> None:
    counts = np.array(drawn)[:, :classes] + np.eye(len(drawn), classes, dtype=int)
    counts[counts.sum(axis=1) == 0, 0] = 1
    rows = int(counts.sum())
    sizes = [0, int(validation * rows), max(1, int(test * rows))]
    sizes[0] = max(1, rows - sum(sizes) - some_left * (rows // 5))
    while sum(sizes) > rows:
        sizes[int(np.argmax(sizes))] -= 1
    groups = np.repeat(np.arange(len(counts)), counts.sum(axis=1))
    labels = np.concatenate([np.repeat(np.arange(classes), own) for own in counts])
    dealt = deal(groups, labels, sizes, [0])
    held = [np.bincount(labels[dealt == number], minlength=classes) for number in range(3)]
    left, found = counts.sum(axis=0), 0.0
    for number, size in enumerate(sizes):
        wanted = shares(left, size)
        left = left - wanted
        assert bool(held[number].sum()) == bool(size)
        found += cost(held[number], wanted) if size else 0
    assert found == pytest.approx(least_cost(counts, sizes))


@pytest.mark.parametrize("kind", ["alone", "pairs", "tracks", "falling"])
@pytest.mark.parametrize("mixed", [False, True])
def test_groups_stay_together_and_sizes_and_classes_are_met(kind: str, mixed: bool) -> None:
    rows, sizes = 6000, [4800, 600, 600]
    rng = np.random.default_rng(1)
    groups = groups_like(kind, rows, seed=0)
    labels = rng.integers(0, 5, rows) if mixed else rng.integers(0, 5, groups.max() + 1)[groups]
    dealt = deal(groups, labels, sizes, [0])
    assert all(len(set(dealt[groups == group].tolist())) == 1 for group in np.unique(groups))
    held = np.bincount(dealt, minlength=3)
    assert np.abs(held - sizes).max() <= (0.01 * rows if kind == "tracks" else 2)
    of_all = np.bincount(labels) / rows
    for number in range(3):
        shares = np.bincount(labels[dealt == number], minlength=5) / held[number]
        assert np.abs(shares - of_all).max() < (0.04 if kind == "tracks" else 0.01)


def test_what_is_not_asked_for_is_left_over() -> None:
    groups = groups_like("pairs", 1000, seed=3)
    dealt = deal(groups, np.zeros(1000, np.int64), [500, 100, 100], [0])
    counts = [int((dealt == number).sum()) for number in (0, 1, 2, NOWHERE)]
    assert counts == [500, 100, 100, 300]


def test_a_group_larger_than_a_split_goes_where_it_fits() -> None:
    groups = np.concatenate([np.zeros(300, np.int64), np.arange(1, 701)])
    dealt = deal(groups, np.zeros(1000, np.int64), [800, 100, 100], [0])
    assert set(dealt[:300].tolist()) == {0}
    assert np.bincount(dealt).tolist() == [800, 100, 100]


def test_the_seed_decides() -> None:
    groups, labels = groups_like("falling", 2000, seed=4), np.random.default_rng(0).integers(0, 3, 2000)
    one, same, other = (deal(groups, labels, [1600, 200, 200], [seed]) for seed in (1, 1, 2))
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
    assert len(dealt) == len(rows)
    assert set(dealt.tolist()) <= {NOWHERE, *range(len(sizes))}
    for group in np.unique(groups):
        assert len(set(dealt[groups == group].tolist())) == 1
    asked = {number for number, size in enumerate(sizes) if size}
    if groups.max() + 1 >= len(asked):
        assert set(dealt.tolist()) - {NOWHERE} == asked
