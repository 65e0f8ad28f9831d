"""The search for the most similar patterns agrees with its definition, for any patterns and tiles."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.arrays import Floats, Mask, RowNumbers
from tasks.overlap import nearest as module
from tasks.overlap.nearest import Nearest, nearest
from tasks.overlap.patterns import Patterns
from tasks.threads import blas_threads

pytestmark = pytest.mark.usefixtures("each_engine")

Kind = Callable[[np.random.Generator, int, int], Mask]


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread() -> Iterator[None]:
    """Search as `candidate_pairs` does: the search has threads of its own."""
    with blas_threads(1):
        yield


def patterns(bits: Mask) -> Patterns:
    return Patterns.of(np.packbits(bits, axis=1), bits.shape[1])


def scattered(rng: np.random.Generator, count: int, length: int) -> Mask:
    """Return patterns with up to half of their bits set, some with none."""
    bits = np.zeros((count, length), np.bool_)
    for row in bits:
        row[rng.permutation(length)[: rng.integers(length // 2 + 1)]] = True
    return bits


def flipped(bits: Mask, most: int, rng: np.random.Generator) -> Mask:
    """Return near copies: up to so many bits of each moved elsewhere, so that none gets more."""
    copies = bits.copy()
    for row in copies:
        row[rng.permutation(np.flatnonzero(row))[:most]] = False
        row[rng.permutation(len(row))[: rng.integers(most + 1)]] = True
    copies[copies.sum(axis=1) > bits.shape[1] // 2] = False
    return copies


def clustered(rng: np.random.Generator, count: int, length: int) -> Mask:
    """Return near copies of a few patterns."""
    return flipped(scattered(rng, 4, length)[rng.integers(0, 4, count)], 2, rng)


def brute_force(forms: Sequence[Mask], others: Mask, count: int, floor: float, same: RowNumbers) -> Nearest:
    """Return what `nearest` says it returns."""
    found = Nearest.nothing(len(same), count)
    stack = np.stack(forms).astype(int)
    shared = stack @ others.T.astype(int)
    similarities = shared / np.maximum(stack.sum(axis=2)[:, :, None] + others.sum(axis=1) - shared, 1)
    similarities[stack.sum(axis=2) == 0] = -1  # a form without bits finds nothing
    for row in range(len(same)):
        values = similarities[:, row].max(axis=0).tolist()
        best = [(-values[other], other) for other in range(len(others)) if other != same[row]]
        for place, (value, other) in enumerate(sorted(best)[:count]):
            if -value < 0 or (place and -value < floor):
                break
            found.row[row, place], found.similarity[row, place] = other, -value
    return found


def own_of(same: RowNumbers, others: int) -> tuple[RowNumbers, RowNumbers]:
    """Return groups by which each row is in that of its own pattern, or alone."""
    return np.where(same >= 0, same, others + np.arange(len(same))), np.arange(others)


def assert_equal(found: Nearest, truth: Nearest) -> None:
    assert found.row.tolist() == truth.row.tolist()
    assert found.similarity.tolist() == truth.similarity.tolist()


@pytest.mark.parametrize("kind", [scattered, clustered])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_nearest_patterns_are_those_of_brute_force(kind: Kind, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    length = data.draw(st.sampled_from([8, 13, 64, 200]))  # short ones: many ties
    rows, count = data.draw(st.integers(1, 25)), data.draw(st.integers(2, 60))
    forms = [kind(rng, rows, length) for _ in range(data.draw(st.integers(1, 4)))]
    others = kind(rng, count, length)
    others[: count // 3] = flipped(forms[-1][rng.integers(0, rows, count // 3)], 1, rng)
    same = rng.integers(-1, count, rows)
    asked, floor = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
    truth = brute_force(forms, others, asked, floor, same)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", data.draw(st.sampled_from([1, 7, 128])))
        patch.setattr(module, "TILE", data.draw(st.sampled_from([2, 9, 4096])))
        assert_equal(
            nearest([patterns(form) for form in forms], patterns(others), asked, floor, own_of(same, count)), truth
        )


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_many_tiles_and_any_number_of_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    originals = scattered(rng, 400, 256)
    others = np.concatenate([originals, flipped(originals, 8, rng)])
    forms = [scattered(rng, 90, 256), flipped(originals[:90], 12, rng)]
    same = np.where(np.arange(90) % 3, -1, np.arange(90))
    truth = brute_force(forms, others, 3, 0.5, same)
    assert (truth.similarity[:, 0] > brute_force(forms[:1], others, 3, 0.5, same).similarity[:, 0]).mean() > 0.5
    assert (truth.row[:, 1] >= 0).any()
    monkeypatch.setattr("tasks.threads.THREADS", threads)
    for name, value in (("TILE", 64), ("ROWS", 16)):
        monkeypatch.setattr(module, name, value)
    assert_equal(
        nearest([patterns(form) for form in forms], patterns(others), 3, 0.5, own_of(same, len(others))), truth
    )


def test_the_best_counts_always_and_others_from_the_floor_on() -> None:
    own = np.array([[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]], np.bool_)
    others = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]], np.bool_)
    given_rows = [patterns(own)], patterns(others)
    assert nearest(*given_rows, 2, 0.6, own_of(np.array([-1]), 2)).row.tolist() == [[1, -1]]
    assert nearest(*given_rows, 2, 0.25, own_of(np.array([-1]), 2)).row.tolist() == [[1, 0]]
    assert nearest(*given_rows, 2, 0.6, own_of(np.array([1]), 2)).row.tolist() == [[0, -1]], "its own is never given"


def test_no_row_is_given_a_pattern_of_its_group() -> None:
    rows = patterns(np.eye(4, 16, dtype=np.bool_) | np.eye(4, 16, 8, dtype=np.bool_))
    groups = np.array([0, 0, 1, 1])
    found = nearest([rows], rows, 4, 0.0, (groups, groups))
    assert [sorted(row) for row in found.row.tolist()] == [[-1, -1, 2, 3]] * 2 + [[-1, -1, 0, 1]] * 2


def test_of_equally_similar_patterns_the_smaller_numbers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    own = np.zeros((1, 16), np.bool_)
    own[0, :4] = True
    others = np.tile(own, (50, 1))
    monkeypatch.setattr(module, "TILE", 7)  # which deals small numbers to later tiles
    found = nearest([patterns(own), patterns(own)], patterns(others), 4, 0.5, own_of(np.array([1]), 50))
    assert found.row.tolist() == [[0, 2, 3, 4]]


def test_nothing_is_found_for_no_rows_and_among_no_patterns() -> None:
    some, none = patterns(np.eye(3, 16, dtype=np.bool_)), patterns(np.zeros((0, 16), np.bool_))
    assert nearest([some, some], none, 2, 0.5, own_of(np.full(3, -1), 0)).row.tolist() == [[-1, -1]] * 3
    for others in (some, none):
        assert nearest([none], others, 2, 0.5, own_of(np.empty(0, np.int64), len(others))).row.shape == (0, 2)


def pairs(rng: np.random.Generator, count: int) -> tuple[RowNumbers, RowNumbers, Floats]:
    """Return found patterns of five rows, in several forms, with few different similarities."""
    return rng.integers(0, 5, count), rng.integers(0, 9, count), rng.integers(1, 6, count) / 5


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), pieces=st.integers(1, 6))
def test_what_is_joined_does_not_depend_on_the_order(seed: int, pieces: int) -> None:
    rng = np.random.default_rng(seed)
    found = pairs(rng, 80)
    at_once = Nearest.nothing(5, 3).joined(*found)
    piecewise = Nearest.nothing(5, 3)
    for part in np.array_split(rng.permutation(80), pieces):
        piecewise = piecewise.joined(found[0][part], found[1][part], found[2][part])
    assert_equal(piecewise, at_once)
    for row in range(5):
        best: dict[int, float] = {}
        for at, other, similarity in zip(*(values.tolist() for values in found), strict=True):
            if at == row:
                best[other] = max(best.get(other, 0), similarity)
        order = sorted((-value, other) for other, value in best.items())[:3]
        assert at_once.row[row, : len(order)].tolist() == [other for _, other in order]
        assert at_once.similarity[row, : len(order)].tolist() == [-value for value, _ in order]
        assert (at_once.row[row, len(order) :] == -1).all()
