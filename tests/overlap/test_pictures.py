"""The matches of small sets of images with some copies."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tasks.overlap import join as joining
from tasks.overlap import pictures, proposals, search
from tasks.overlap.join import Join
from tasks.overlap.minhash import Bands
from tasks.overlap.nearest import RowGroups
from tasks.overlap.pairs import Pairs
from tasks.overlap.patterns import Patterns
from tasks.overlap.pictures import with_more
from tasks.overlap.search import FoundPairs, search_tile, write_join
from tasks.records import Prints
from tasks.registration.views import VIEWS
from tasks.storage.place import Place
from tests.build import saved, scene
from tests.overlap.engine import by_rows, measure, picture_split

Change = Callable[[Image.Image], Image.Image]
WHOLE = (20, 20, 340, 340)  # pictures are windows of larger scenes, so that what was moved shows what lies beyond
CHANGES: dict[str, Change] = {
    "cropped": lambda picture: picture.crop((36, 36, 324, 324)),
    "cropped at one side": lambda picture: picture.crop((20, 52, 340, 340)),
    "moved": lambda picture: picture.crop((40, 40, 360, 360)),
    "encoded anew": lambda picture: Image.open(io.BytesIO(saved(picture.crop(WHOLE), "JPEG", quality=50))),
    "smaller": lambda picture: picture.crop(WHOLE).resize((100, 100)),
    "turned": lambda picture: picture.rotate(3, Image.Resampling.BICUBIC).crop(WHOLE),
    "brighter": lambda picture: picture.crop(WHOLE).point(lambda value: 0.8 * value + 40),
}
COPIES, NEW = 18, 20  # images of test: copies of train's 24 come first
CERTAIN = Bands(64, 1, seed=1)  # one row a band: at 0.5 a pair is missed once in 10^19
Splits = tuple[Path, Prints, Prints]


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    """Write train and test: 0 and 1 are train's, 2 to 15 changed copies, two of each kind, 16 and 17 mirrored ones."""
    folder, scenes = tmp_path_factory.mktemp("copies"), [scene(360, 360, seed) for seed in range(24 + NEW)]
    whole = [each.crop(WHOLE) for each in scenes]
    changed = [change(scenes[2 + 7 * half + n]) for half in (0, 1) for n, change in enumerate(CHANGES.values())]
    test = [*whole[:2], *changed, *map(ImageOps.mirror, whole[16:18]), *whole[24:]]
    return folder, picture_split(folder, "train", whole[:24]), picture_split(folder, "test", test)


def join_of(splits: Splits, **more: Any) -> Join:
    folder, train, test = splits
    given: dict[str, Any] = {"percent": 86, "bands": None, "searched": 1, "mirrored": True}
    return Join(train, test, Place.of(folder), VIEWS["photo"], **given | more)


def found_by(join: Join) -> FoundPairs:
    """Return the pairs, with the first rows of images instead of their numbers."""
    found = FoundPairs.read(join.workspace, write_join(join, (), join.workspace))
    return replace(found, pairs=by_rows(found.pairs, join), mirrored=by_rows(found.mirrored, join))


@pytest.fixture(scope="module")
def found(splits: Splits) -> FoundPairs:
    return found_by(join_of(splits))


def best(pairs: Pairs, test: int) -> tuple[int, float]:
    """Return the best match of an image of test in train."""
    own = pairs.where(pairs.second == test)
    at = int(own.similarity.argmax())
    return int(own.first[at]), float(own.similarity[at])


def assert_equal(first: FoundPairs, second: FoundPairs) -> None:
    for one, two in ((first.pairs, second.pairs), (first.mirrored, second.mirrored)):
        for values, others in zip(one, two, strict=True):
            np.testing.assert_array_equal(values, others)


def test_a_changed_copy_has_its_original_as_the_best_match(found: FoundPairs) -> None:
    similar = [best(found.pairs, test) for test in range(2, 16)]
    assert [train for train, _ in similar] == list(range(2, 16))
    assert min(agreed for _, agreed in similar) >= 0.95, dict(zip([*CHANGES, *CHANGES], similar, strict=True))
    assert max(agreed for _, agreed in similar) < 1


def test_the_same_picture_is_no_candidate_of_itself(found: FoundPairs) -> None:
    assert not ((found.pairs.first == found.pairs.second) & (found.pairs.first < 2)).any()


def test_pictures_of_other_things_are_no_matches(found: FoundPairs) -> None:
    assert max(best(found.pairs, test)[1] for test in range(16, COPIES + NEW)) < 0.86


def test_a_mirrored_copy_is_found_in_a_mirror_alone(found: FoundPairs) -> None:
    similar = [best(found.mirrored, test) for test in (16, 17)]
    assert [train for train, _ in similar] == [16, 17]
    assert min(agreed for _, agreed in similar) >= 0.95
    assert np.unique(found.mirrored.second[found.mirrored.similarity >= 0.86]).tolist() == [16, 17]


@pytest.mark.parametrize("threads", [1, 5])
def test_the_number_of_threads_changes_nothing(
    threads: int, splits: Splits, found: FoundPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.threads.THREADS", threads)
    assert_equal(found_by(join_of(splits)), found)


def test_copies_are_found_from_the_other_side_as_well(splits: Splits) -> None:
    turned = found_by(join_of(splits, searched=0, mirrored=False))
    assert [best(turned.pairs, test)[0] for test in range(2, 16)] == list(range(2, 16))
    assert len(turned.mirrored.first) == 0


def test_where_minhash_proposes_copies_are_found_too_and_what_it_misses_is_counted(
    splits: Splits, found: FoundPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found.recall is None
    monkeypatch.setattr(proposals, "AFFORDABLE", 0)
    proposed = found_by(join_of(splits, bands=CERTAIN, mirrored=False))
    assert [best(proposed.pairs, test)[0] for test in range(2, 16)] == list(range(2, 16))
    assert proposed.recall is not None
    assert proposed.recall.rows == COPIES + NEW
    true, named = proposed.recall.at(90)
    assert true == named >= 5


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("searched", [0, 1])
def test_slices_of_both_sides_find_what_the_whole_does_where_all_are_candidates(
    searched: int, within: bool, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (proposals, joining):
        monkeypatch.setattr(module, "CANDIDATES", 100)
    monkeypatch.setattr(proposals.propose, "__defaults__", (100, 0))
    monkeypatch.setattr(proposals, "FLOOR", 0.0)
    folder, _, test = splits
    join = join_of((folder, test, test) if within else splits, searched=0 if within else searched, mirrored=not within)
    whole = found_by(join)
    monkeypatch.setattr(joining, "IN_FULL", 7)
    monkeypatch.setattr(joining, "AMONG", 9)
    assert len(join.tiles) > 9
    assert_equal(found_by(join), whole)


@pytest.mark.whole
def test_tiles_share_the_sample_on_which_minhash_is_measured(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "AFFORDABLE", 0)
    monkeypatch.setattr(search, "SAMPLE_ROWS", 12)
    for name, value in {"SEARCHED": 7, "AMONG": 9}.items():
        monkeypatch.setattr(joining, name, value)
    join = join_of(splits, bands=CERTAIN, mirrored=False)
    rows = [recall.rows for tile in join.tiles if (recall := search_tile(join, *tile).recall)]
    assert len(rows) == len(join.tiles) > 9
    assert 12 <= sum(rows) < 12 + len(rows), "each tile has its share, and at least an image"


def test_further_copies_of_an_image_are_all_connected_by_as_few_pairs_as_possible(tmp_path: Path) -> None:
    """Eight components of an image of test with five of train, and twenty single ones, are one by 27 pairs."""
    picture = np.asarray(scene(320, 320, 0)).astype(np.int64)
    copies = [Image.fromarray(np.clip(picture + number - 30, 0, 255).astype(np.uint8)) for number in range(68)]
    join = join_of(
        (tmp_path, picture_split(tmp_path, "train", copies[8:]), picture_split(tmp_path, "test", copies[:8]))
    )
    known = Pairs(np.arange(40), np.arange(40) // 5, np.ones(40))
    found = with_more(join, known, np.full(8, 0.86), 60)
    assert len(found.first) == 40 + 27
    assert np.unique(found.first).tolist() == [*range(60)]


def test_one_image_of_each_component_is_searched_for_first_and_all_copies_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.asarray(scene(320, 320, 0)).astype(np.int64)
    copies = [Image.fromarray(np.clip(picture + number - 20, 0, 255).astype(np.uint8)) for number in range(38)]
    join = join_of(
        (tmp_path, picture_split(tmp_path, "train", copies[8:]), picture_split(tmp_path, "test", copies[:8]))
    )
    test = np.arange(40) // 5
    known, asked = Pairs(np.arange(40) % 5 + 5 * (test // 4), test, np.ones(40)), list[int]()

    def noted(forms: list[Patterns], others: Patterns, groups: RowGroups, *how: Any) -> Any:
        asked.append(len(groups[0]))
        return proposals.propose(forms, others, groups, *how)

    monkeypatch.setattr(pictures, "propose", noted)
    found = with_more(join, known, np.full(8, 0.86), 60, one_first=True)
    assert list(dict.fromkeys(asked)) == [2, 6], "one of each component, then the others, which may have more copies"
    assert np.unique(found.first).tolist() == [*range(30)]


def test_copies_are_found_among_images_whose_bits_show_only_a_common_outline(tmp_path: Path) -> None:
    def fingerprint(seed: int) -> Image.Image:
        (y, x), rng = np.mgrid[-1:1:96j, -1:1:96j], np.random.default_rng(seed)
        left, up, wide, long = rng.uniform(-0.3, 0.3, 4)
        waves = 0.15 * np.sin(4 * x * (1 + long) + 9 * rng.random()) + 0.1 * np.sin(5 * y + 9 * rng.random())
        ridges = 110 + 60 * np.sin(70 * (np.hypot(x - left, (y - up) * (1 + wide)) + waves) + 9 * rng.random())
        inside = np.hypot(x / 0.6, y / 0.8) < 1
        return Image.fromarray(np.where(inside, ridges, 240).astype(np.uint8)).convert("RGB")

    train = [fingerprint(seed) for seed in range(120)]
    test = [each.crop((5, 5, 91, 91)).resize((96, 96)) for each in train[:12]]
    test += [fingerprint(seed) for seed in range(1000, 1020)]
    found = measure(tmp_path, picture_split(tmp_path, "train", train), picture_split(tmp_path, "test", test), "photo")
    assert found.duplicates(1)[:12].sum() >= 10, "some agree less than near-identical images do"
    assert not found.duplicates(1)[12:].any()


def test_a_set_without_pictures_has_no_matches(splits: Splits, tmp_path: Path) -> None:
    nothing = picture_split(tmp_path, "train", [])
    some = picture_split(tmp_path, "test", [scene(320, 320, seed) for seed in range(3)])
    for one, two in ((nothing, some), (nothing, nothing)):
        found = found_by(join_of((tmp_path, one, two)))
        assert len(found.pairs.first) == len(found.mirrored.first) == 0
