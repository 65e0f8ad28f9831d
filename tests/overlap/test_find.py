"""The engine against its definition, on random and hostile sets of images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.overlap.bands import Bands, choose_bands
from tasks.overlap.find import Search, Side, Twins, find_twins
from tasks.overlap.jaccard import whole_percent
from tests.overlap.sets import LENGTH, Gray, image_sets, ink, side_of

CERTAIN = Bands(64, 1)  # one row a band: at 0.5 a pair is missed once in 10^19


def truth(first: Gray, second: Gray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return two-sided similarity and equality of every pair of images."""
    a, b = ink(first).astype(int), ink(second).astype(int)
    sides = []
    for x, y in ((a, b), (1 - a, 1 - b)):
        shared = x @ y.T
        union = x.sum(axis=1)[:, None] + y.sum(axis=1)[None, :] - shared
        sides.append(np.where(union > 0, shared / np.maximum(union, 1), 1.0))
    equal = (first[:, None] == second[None, :]).all(axis=(2, 3)) if len(first) and len(second) else None
    equal = np.zeros_like(sides[0], bool) if equal is None else equal
    bare = (a.sum(axis=1) == 0)[:, None] & (b.sum(axis=1) == 0)[None, :]
    return np.where(bare & ~equal, 0.0, np.minimum(*sides)), equal  # without ink only identical images are alike


def check(
    found: Twins, similarity: NDArray[np.float64], equal: NDArray[np.bool_], here: Side, there: Side, floor: int
) -> None:
    """Compare twins of the rows of one side with what the definition asks for, row by row."""
    percent = whole_percent(similarity)
    for row in range(len(here)):
        near = percent[row] >= floor
        assert found.count[row] == near.sum()
        for other, prefix in ((None, ""), (here.labels[row], "other_")):
            allowed = near if other is None else near & (there.labels != other)
            twin = int(getattr(found, f"{prefix}row")[row])
            if not allowed.any():
                assert twin == -1
                assert getattr(found, f"{prefix}percent")[row] == 0
                continue
            order = np.lexsort((there.ranks, -similarity[row], ~equal[row], ~allowed))
            assert twin == order[0]
            assert getattr(found, f"{prefix}exact")[row] == equal[row, twin]
            assert getattr(found, f"{prefix}jaccard")[row] == similarity[row, twin]
            assert getattr(found, f"{prefix}percent")[row] == percent[row, twin]


@pytest.mark.parametrize("bands", [None, CERTAIN], ids=["all pairs", "minhash"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_twins_are_those_of_the_definition_in_both_directions(bands: Bands | None, data: st.DataObject) -> None:
    (first, first_labels), (second, second_labels) = data.draw(image_sets()), data.draw(image_sets())
    floor = data.draw(st.sampled_from([50, 85, 90, 95, 99, 100]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    one = side_of(first, first_labels, rng.permutation(len(first)))
    two = side_of(second, second_labels, rng.permutation(len(second)))
    of_one, of_two = find_twins(one, two, Search(LENGTH, floor, bands))
    similarity, equal = truth(first, second)
    check(of_one, similarity, equal, one, two, floor)
    check(of_two, similarity.T, equal.T, two, one, floor)


def test_thousands_of_equal_images_are_one_pattern() -> None:
    gray = np.full((5000, 12, 12), 209, np.uint8)
    search = Search(LENGTH, 90, choose_bands(128, 90, 0.99))
    of_one, of_two = find_twins(side_of(gray), side_of(gray[:3000]), search)
    assert of_one.exact.all()
    assert (of_one.count == 3000).all()
    assert (of_two.count == 5000).all()
    assert (of_one.row == 0).all(), "the smallest id of equal twins"


def test_images_without_ink_are_twins_only_if_they_are_identical() -> None:
    faint = np.stack([np.full((12, 12), level, np.uint8) for level in (3, 90, 121, 121)])
    found, _ = find_twins(side_of(faint), side_of(faint[:3]), Search(LENGTH, 50))
    assert found.row.tolist() == [0, 1, 2, 2]
    assert found.exact.all()
    assert found.count.tolist() == [1, 1, 1, 1]


def test_bits_of_any_length_will_do() -> None:
    rng = np.random.default_rng(0)
    for length in (1, 9, 64, 65, 1000):
        bits = rng.random((30, length)) < 0.5
        packed = np.packbits(bits, axis=1)
        side = Side(np.packbits(rng.random((30, 128)) < 0.5, axis=1), packed, np.zeros(30, np.int64), np.arange(30))
        for bands in (None, CERTAIN):
            found, _ = find_twins(side, side, Search(length, 100, bands))
            assert found.row.tolist() == list(range(30)) or length < 9
            assert (found.percent == 100).all()
