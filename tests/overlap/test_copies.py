"""However many copies a picture has, each is found: against an oracle that lays every pair over each other."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tasks.arrays import Floats, Mask
from tasks.overlap.agreements import agreements
from tasks.overlap.split_rows import SplitRows
from tasks.storage.copies import Copies
from tests.build import saved, scene
from tests.overlap.engine import Measured, measure, picture_split

SIDE = 160
Pictures = list[Image.Image]


def changed(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a copy, changed in one of six ways."""
    way = rng.integers(6)
    if way == 0:
        return Image.open(io.BytesIO(saved(picture, "JPEG", quality=int(rng.integers(50, 90))))).convert("RGB")
    if way == 1:
        return ImageEnhance.Brightness(picture).enhance(rng.uniform(0.85, 1.15))
    if way == 2:
        return picture.rotate(rng.uniform(-2, 2), Image.Resampling.BICUBIC)
    if way == 3:
        return picture.filter(ImageFilter.GaussianBlur(SIDE / rng.uniform(40, 100)))
    if way == 4:
        return picture.crop((4, 4, SIDE - 4, SIDE - 4)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    noise = rng.normal(0, 3, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def copies_of(picture: Image.Image, count: int, seed: int) -> Pictures:
    rng = np.random.default_rng(seed)
    return [changed(picture, rng) for _ in range(count)]


def noisy(picture: Image.Image, count: int, strength: float) -> Pictures:
    """Return copies with noise."""
    rng, base = np.random.default_rng(3), np.asarray(picture, np.float64)
    noise = (rng.normal(0, strength, base.shape) for _ in range(count))
    return [Image.fromarray(np.clip(base + each, 0, 255).astype(np.uint8)) for each in noise]


SCENES = [scene(SIDE, SIDE, seed) for seed in range(60)]


def every_pair(first: Copies, second: Copies) -> Floats:
    """Return the agreement of all pairs, in either direction."""
    i, j = np.divmod(np.arange(len(first) * len(second)), len(second))
    one, two = first.take(i), second.take(j)
    return np.maximum(agreements(one, two), agreements(two, one)).reshape(len(first), len(second))


def near(found: Measured, one: int, two: int) -> Mask:
    """Return which pairs of rows are identical or duplicates by the verdict's own line, of all that there are."""
    images, line = found.join.both, found.verdict.threshold
    rows = [SplitRows.of(prints, found.join.workspace).image for prints in found.join.sides]
    assert line is not None
    reached = every_pair(images[one].gray, images[two].gray) >= line
    same = (images[one].digests[:, None] == images[two].digests[None]).all(axis=2)
    of_rows: Mask = (reached | same)[rows[one]][:, rows[two]]
    return of_rows


@pytest.mark.parametrize("count", [1, 4, 5, 8, pytest.param(40, marks=pytest.mark.whole)])
@pytest.mark.parametrize("searched", [0, 1])
def test_counts_agree_with_every_pair_in_both_directions(count: int, searched: int, tmp_path: Path) -> None:
    families = [copies_of(picture, count, seed) for seed, picture in enumerate(SCENES[:3])]
    train = [copy for family in families for copy in family] + SCENES[3:30]
    splits = picture_split(tmp_path, "train", train), picture_split(tmp_path, "test", SCENES[:3] + SCENES[30:45])
    found = measure(tmp_path, splits[0], splits[1], "photo", asked=0.95, searched=searched)
    truth = near(found, 0, 1)
    assert found.duplicates(0).tolist() == truth.any(axis=1).tolist()
    assert found.duplicates(1).tolist() == truth.any(axis=0).tolist()
    assert found.duplicates(0)[: 3 * count].mean() > 0.9
    assert not found.duplicates(0)[3 * count :].any()


@pytest.mark.parametrize("count", [1, 12, pytest.param(40, marks=pytest.mark.whole)])
def test_groups_agree_with_every_pair(count: int, tmp_path: Path) -> None:
    families = [[picture, *copies_of(picture, count, seed)] for seed, picture in enumerate(SCENES[:3])]
    split = picture_split(tmp_path, "train", [copy for family in families for copy in family] + SCENES[3:30])
    found = measure(tmp_path, split, split, "photo", asked=0.95)
    expected = connected_components(coo_array(near(found, 0, 0)), directed=False)[1]
    groups = found.groups()
    assert len(groups.row) == (np.bincount(expected)[expected] > 1).sum()
    for number in np.unique(groups.group):
        assert len(set(expected[groups.row[groups.group == number]].tolist())) == 1
    assert len(np.unique(groups.group)) == 3


def test_two_families_of_one_picture_are_one_group(tmp_path: Path) -> None:
    turned = SCENES[0].rotate(3, Image.Resampling.BICUBIC)
    pictures = [SCENES[0], *copies_of(SCENES[0], 11, 1), *copies_of(turned, 12, 2), *SCENES[1:30]]
    split = picture_split(tmp_path, "train", pictures)
    found = measure(tmp_path, split, split, "photo").groups()
    assert np.bincount(found.group).tolist() == [24]


@pytest.mark.parametrize("families", [20, pytest.param(40, marks=pytest.mark.whole)])
def test_a_test_set_of_nothing_but_copies_is_found_without_any_look_alike(families: int, tmp_path: Path) -> None:
    rows = [copy for seed in range(families) for copy in copies_of(SCENES[seed], 8, seed)]
    order = np.random.default_rng(0).permutation(len(rows))
    cut = len(rows) * 4 // 5
    train, test = ([rows[at] for at in part.tolist()] for part in (order[:cut], order[cut:]))
    splits = picture_split(tmp_path, "train", train), picture_split(tmp_path, "test", test)
    found = measure(tmp_path, splits[0], splits[1], "photo")
    assert found.duplicates(1).all()


def test_five_copies_hide_nothing_that_four_do_not(tmp_path: Path) -> None:
    """Planted: 8 pictures with four or five copies in train, and 12 with one each."""
    single = [copies_of(picture, 1, 100 + seed)[0] for seed, picture in enumerate(SCENES[8:20])]
    called = []
    for count in (4, 5):
        families = [copy for seed in range(8) for copy in copies_of(SCENES[seed], count, seed)]
        folder = tmp_path / str(count)
        folder.mkdir()
        splits = picture_split(folder, "train", families + single), picture_split(folder, "test", SCENES)
        called.append(measure(folder, splits[0], splits[1], "photo").duplicates(1))
    assert called[0][:20].all()
    assert called[1][:20].all()
    assert not called[1][20:].any()


def film(frames: int) -> Pictures:
    """Return frames of a camera that moves over one large scene: neighbours are similar, the ends are not."""
    wide = scene(SIDE + 6 * frames, SIDE, seed=7)
    return [wide.crop((6 * n, 0, 6 * n + SIDE, SIDE)) for n in range(frames)]


@pytest.mark.parametrize("rows", [film(40), copies_of(SCENES[0], 40, 3)], ids=["a chain", "all one picture"])
def test_where_near_identity_proves_nothing_rows_are_undecided_and_not_clean(
    rows: Sequence[Image.Image], tmp_path: Path
) -> None:
    splits = picture_split(tmp_path, "train", list(rows[::2])), picture_split(tmp_path, "test", list(rows[1::2]))
    found = measure(tmp_path, splits[0], splits[1], "photo")
    best = found.direction(1).best
    assert not best["near"].any()
    assert (best["exact"] | best["undecided"]).mean() > 0.9
    assert found.verdict.why_not == "alike"


@pytest.mark.parametrize("searched", [0, 1])
def test_weak_copies_are_undecided_whichever_side_is_searched(tmp_path: Path, searched: int) -> None:
    alike = [Image.blend(SCENES[0], scene, 0.55) for scene in SCENES[1:14]]
    test = noisy(alike[0], 30, 30) + alike[7:]
    splits = picture_split(tmp_path, "train", alike[:7]), picture_split(tmp_path, "test", test)
    found = measure(tmp_path, *splits, "photo", searched=searched)
    images = [SplitRows.of(prints, found.join.workspace).image for prints in splits]
    agreed = every_pair(*(side.gray.take(rows) for side, rows in zip(found.join.both, images, strict=True)))[0, :30]
    assert 0.95 < agreed.min() < agreed.max() < 0.99
    assert not found.duplicates(1).any()
    assert found.undecided(1)[:30].all()


def test_small_and_large_splits_are_judged_by_one_line(tmp_path: Path) -> None:
    families = [
        [copy.resize((side, side)) for copy in copies_of(one, 8, 1)] for one in SCENES[:10] for side in (96, 32)
    ]
    large, small = ([copy for family in families[start::2] for copy in family] for start in (0, 1))
    splits = picture_split(tmp_path, "train", large), picture_split(tmp_path, "test", small)
    counts = []
    for searched in (0, 1):
        found = measure(tmp_path, splits[0], splits[1], "photo", searched=searched)
        assert found.verdict.near_identical == 0.995
        counts.append(int((found.duplicates(1) | found.undecided(1)).sum()))
    assert counts[0] == counts[1] > 70
