"""Glyphs of two splits against their definition: every row, both directions, in one piece or in tiles."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tasks.errors import UsageError
from tasks.kernel import computed_by
from tasks.overlap import join as module
from tasks.overlap import search
from tasks.overlap.join import Join, join_of
from tasks.overlap.minhash import Bands, RecallCounts, hash_table, interval
from tasks.overlap.pairs import read_pairs
from tasks.overlap.patterns import whole_percent
from tasks.overlap.search import PAIRS, FoundPairs, search_tile, write_join
from tasks.overlap.split_rows import SplitRows
from tasks.records import Prints, SplitPair, Tile
from tasks.records.spec import AuditSpec
from tasks.registration.views import VIEWS
from tasks.storage.place import Place
from tests.overlap.engine import Measured, by_rows, glyph_split, measure
from tests.overlap.sets import Gray, image_sets, ink

CERTAIN = Bands(64, 1, seed=1)  # one row a band: at 0.5 a pair is missed once in 10^19
N, BANDS = 784, Bands(12, 10, seed=1)
Set = tuple[Gray, NDArray[np.int64]]


def split_of(folder: Path, name: Any, images: Set) -> Prints:
    gray, labels = images
    digests = [hashlib.md5(image.tobytes(), usedforsecurity=False).digest() for image in gray]
    return glyph_split(folder, name, ink(gray), labels, digests)


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
    bare = (a.sum(axis=1) == 0)[:, None] | (b.sum(axis=1) == 0)[None, :]
    return np.where(bare & ~equal, 0.0, np.minimum(*sides)), equal  # without ink only identical images match


def check(found: Measured, side: int, sets: tuple[Set, Set], percent: int) -> None:
    """Compare the matches of the rows of one side with the definition, row by row."""
    (own, labels), (others, of_others) = sets[side], sets[1 - side]
    similarity, equal = truth(own, others)
    direction, reached = found.direction(side), whole_percent(similarity)
    first, second = direction.others.examples()
    digests = [hashlib.md5(image.tobytes(), usedforsecurity=False).digest() for image in others]
    by_digest = np.argsort(np.array(sorted(range(len(others)), key=lambda other: digests[other]), np.int64))
    for row in range(len(own)):
        near = (reached[row] >= percent) & ~equal[row]
        for best, allowed in ((direction.best, near | equal[row]), (direction.other, of_others != labels[row])):
            candidates = (near | equal[row]) & allowed
            image = int(best["image"][row])
            assert (best["exact"][row], best["near"][row]) == (
                (equal[row] & allowed).any(),
                _is_near(equal, near, allowed, row),
            )
            if candidates.any():
                order = np.lexsort((by_digest, -similarity[row], ~equal[row], ~candidates))
                twin = (
                    first[image] if of_others[first[image]] != labels[row] or best is direction.best else second[image]
                )
                assert twin == order[0]
                assert best["similarity"][row] == similarity[row, twin]


def _is_near(equal: NDArray[np.bool_], near: NDArray[np.bool_], allowed: NDArray[np.bool_], row: int) -> bool:
    return bool((near & allowed).any() and not (equal[row] & allowed).any())


@pytest.mark.parametrize("bands", [None, pytest.param(CERTAIN, marks=pytest.mark.whole)], ids=["all pairs", "minhash"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_matches_are_those_of_the_definition_in_both_directions(
    bands: Bands | None, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sets, folder = (data.draw(image_sets(25)), data.draw(image_sets(25))), tmp_path_factory.mktemp("sets")
    percent = data.draw(st.sampled_from([90, 95, 99, 100]))
    splits = [split_of(folder, name, images) for name, images in zip(("train", "test"), sets, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        if bands:
            patch.setattr(module, "AFFORDABLE", -1)
        found = measure(folder, splits[0], splits[1], "ink", asked=percent / 100, bands=bands)
    for side in (0, 1):
        check(found, side, sets, percent)


@settings(deadline=None, max_examples=15)
@given(sets=st.tuples(image_sets(24), image_sets(24)), slice_=st.integers(6, 20), within=st.booleans())
def test_tiles_find_what_the_whole_does(
    tmp_path_factory: pytest.TempPathFactory, sets: Any, slice_: int, within: bool
) -> None:
    folder = tmp_path_factory.mktemp("join")
    one, two = split_of(folder, "train", sets[0]), split_of(folder, "test", sets[1])
    join = Join(one, one if within else two, Place.of(folder), VIEWS["ink"], 90, BANDS)
    found = []
    for name, size in (("whole", 1000), ("tiles", slice_)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "SLICE", size)
            tiles = []
            for number, tile in enumerate(join.tiles):
                (folder / f"{name}-{number}").mkdir()
                facts = search_tile(join, *tile).write(Place.of(folder / f"{name}-{number}"))
                tiles.append(Tile(f"{name}-{number}", facts | {"computed_by": [computed_by()]}))
            (folder / name).mkdir()
            facts = write_join(join, tiles, Place.of(folder / name))
        found.append(read_pairs(Place.of(folder / name / PAIRS)))
        assert facts["method"] == "all pairs"
    for whole, tiles_of in zip(*found, strict=True):
        np.testing.assert_array_equal(whole, tiles_of)


def glyphs(patterns: NDArray[np.bool_], folder: Path, name: Any) -> Prints:
    return glyph_split(folder, name, patterns)


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Prints, Prints]:
    """Test rows that are train rows and the same bits: in each band one that comes first in the order of its hashes."""
    folder, rng = tmp_path_factory.mktemp("marked"), np.random.default_rng(0)
    train = rng.random((3000, N)) < 0.35
    positions = hash_table(N, BANDS.bands * BANDS.rows, BANDS.seed)[:: BANDS.rows].argmin(axis=1)
    train[:, positions] = False
    test = train[:600].copy()
    test[:, positions] = True
    return folder, glyphs(train, folder, "train"), glyphs(test, folder, "test")


@pytest.fixture(params=["whole", "in tiles"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether sets are compared in tiles of 400 images."""
    if request.param == "in tiles":
        monkeypatch.setattr(module, "SLICE", 400)
    return bool(request.param == "in tiles")


def facts_of(marked: tuple[Path, Prints, Prints], bands: Bands = BANDS) -> tuple[dict[str, Any], FoundPairs]:
    folder, train, test = marked
    join = Join(train, test, Place.of(folder), VIEWS["ink"], 90, bands)
    facts = write_join(join, (), Place.of(folder))
    found = FoundPairs.read(Place.of(folder), facts)
    return facts, replace(found, pairs=by_rows(found.pairs, join))


def test_all_pairs_are_compared_and_what_minhash_alone_misses_is_counted(
    marked: tuple[Path, Prints, Prints], *, cut: bool
) -> None:
    facts, found = facts_of(marked)
    assert (facts["method"], facts["contradicted"]) == ("all pairs", False)
    assert (found.pairs.first.tolist(), found.pairs.second.tolist()) == (list(range(600)), list(range(600)))
    assert found.recall
    true, named = found.recall.at(90)
    numbers = [SplitRows.of(prints, Place.of(marked[0])).image[:600] for prints in marked[1:]]
    counted = (numbers[0] < 400) & (numbers[1] < 400) if cut else np.ones(600, np.bool_)
    assert true == 2 * counted.sum() > 80, "images of both sides that have a near-duplicate; of tiles the first counts"
    assert named == 0, "the mark was made for these hash positions"
    other = facts_of(marked, Bands(12, 10, seed=2))[1].recall
    assert other
    assert other.at(90)[1] > 0.99 * true, "another seed finds what a mark hides from one"


def test_a_search_that_misses_more_than_it_states_falls_back_to_all_pairs(
    marked: tuple[Path, Prints, Prints], monkeypatch: pytest.MonkeyPatch, *, cut: bool
) -> None:
    monkeypatch.setattr(module, "AFFORDABLE", -1)
    facts, found = facts_of(marked)
    assert (facts["method"], facts["contradicted"]) == ("all pairs", True)
    assert len(found.pairs.first) == 600
    monkeypatch.setattr(search, "AFFORDABLE_IN_NEED", -1)
    facts, lost = facts_of(marked)
    assert (facts["method"], facts["contradicted"]) == ("minhash", True)
    assert len(lost.pairs.first) == 0
    assert lost.recall
    assert lost.recall.rows == (8 * 500 if cut else 500), "a sampled image counts in each slice of train"


@pytest.mark.usefixtures("cut")
def test_a_search_that_keeps_what_it_states_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    train = rng.random((2000, N)) < 0.35
    test = train[:800] & (rng.random((800, N)) < 0.985)
    monkeypatch.setattr(module, "AFFORDABLE", -1)
    facts, _ = facts_of((tmp_path, glyphs(train, tmp_path, "train"), glyphs(test, tmp_path, "test")))
    assert (facts["method"], facts["contradicted"]) == ("minhash", False)
    true, named = TypeAdapter(RecallCounts).validate_python(facts["recall"]).at(90)
    low, high = interval(true, named)
    assert true > 300
    assert low <= facts["stated"] <= high


def test_thousands_of_equal_images_are_one(tmp_path: Path) -> None:
    gray = np.full((5000, 12, 12), 209, np.uint8)
    splits = [
        split_of(tmp_path, name, (gray[:n], np.zeros(n, np.int64))) for name, n in (("train", 5000), ("test", 3000))
    ]
    found = measure(tmp_path, splits[0], splits[1], "ink", bands=BANDS)
    for side in (0, 1):
        assert found.direction(side).best["exact"].all()
    assert found.direction(0).others.examples()[0].tolist() == [0], "the smallest id of equal images"


def test_images_without_ink_are_duplicates_only_if_they_are_identical(tmp_path: Path) -> None:
    faint = np.stack([np.full((12, 12), level, np.uint8) for level in (3, 90, 121, 121)])
    splits = [split_of(tmp_path, name, (faint[:n], np.arange(n))) for name, n in (("train", 4), ("test", 3))]
    found = measure(tmp_path, splits[0], splits[1], "ink", asked=0.9)
    best = found.direction(0).best
    assert best["exact"].all()
    assert found.twins(0) == [0, 1, 2, 2]
    assert not best["near"].any()


def test_the_interval_of_a_recall_is_never_without_width() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    low, high = interval(500, 500)
    assert (round(low, 3), high) == (0.993, 1.0)
    low, high = interval(1, 0)
    assert (low, round(high, 3)) == (0.0, 0.975)


def test_photographs_of_workers_that_compute_differently_are_refused_by_name(tmp_path: Path) -> None:
    workspace, own = Place.of(tmp_path), computed_by()
    pair = SplitPair(*(glyphs(np.eye(4, N, dtype=np.bool_), tmp_path, name) for name in ("train", "test")))
    alike, different = (Tile("tile", {"computed_by": [[engine, "machine-b"]]}) for engine in (own[0], "another engine"))
    photographs, ink_spec = (AuditSpec(root="x", view=view, floor=0.9) for view in ("photo", "ink"))
    join_of(photographs, pair, workspace, [alike])
    join_of(ink_spec, pair, workspace, [alike, different])  # integers, the same in each
    with pytest.raises(UsageError, match=rf"machine-b compared images by another engine, and {own[1]} uses {own[0]}"):
        join_of(photographs, pair, workspace, [alike, different])
