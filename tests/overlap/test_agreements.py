"""How pairs of gray copies are decided: most by small copies, some by large ones, smooth ones never."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.arrays import Gray
from tasks.overlap import agreements as module
from tasks.overlap.agreements import GOES_ON, agreements
from tasks.overlap.threshold import NEAR_IDENTICAL
from tasks.registration.agreement import agreement, overlay
from tasks.registration.align import register
from tasks.registration.forms import facts_of
from tasks.registration.views import LOWEST
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.storage.place import Place
from tasks.threads import blas_threads
from tests.build import colourless, scene

pytestmark = pytest.mark.usefixtures("each_engine")


def gray(left: int, top: int) -> Gray:
    """Return the parts of different scenes in a window."""
    windows = [scene(360, 360, seed).crop((left, top, left + 320, top + 320)).convert("L") for seed in range(10)]
    small = [each.resize((COPY_SIDE, COPY_SIDE), Image.Resampling.BILINEAR) for each in windows]
    return np.stack([np.asarray(each) for each in small])


def copies_of(pictures: Gray, file: Path) -> Copies:
    file.write_bytes(pictures.tobytes())
    numbers, square = np.arange(len(pictures)), np.ones(len(pictures), np.float32)
    return Copies([Place.of(file)], numbers * 0, numbers, *facts_of(pictures, colourless(len(pictures))), square)


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Copies, Copies]:
    """All pairs of scenes and of the same scenes, moved."""
    i, j = (rows.ravel() for rows in np.indices((10, 10)))
    first, second = copies_of(gray(20, 20), tmp_path / "first"), copies_of(gray(35, 10), tmp_path / "second")
    return first.take(i), second.take(j)


def test_copies_agree_as_registered_and_others_are_refused_early(pairs: tuple[Copies, Copies]) -> None:
    found = agreements(*pairs).reshape(10, 10)
    first, second = (side.read().astype(np.float32) for side in pairs)
    registered = agreement(overlay(first, second, register(first, second))).reshape(10, 10)
    same = np.eye(10, dtype=bool)
    np.testing.assert_allclose(found[same], registered[same], atol=2e-3)
    assert found[same].min() >= 0.95
    assert found[~same].max() < LOWEST
    assert (found[~same] < GOES_ON).mean() > 0.9
    np.testing.assert_allclose(found * 10_000, np.rint(found * 10_000), atol=1e-6)


def test_either_of_a_pair_may_be_the_changed_copy(pairs: tuple[Copies, Copies]) -> None:
    """A crop may find its place in the original where the original does not find its place in the crop."""
    first, second = pairs
    found, turned = agreements(first, second), agreements(second, first)
    both = np.maximum(np.abs(found), np.abs(turned)) < NEAR_IDENTICAL
    np.testing.assert_array_equal(found[both], turned[both])
    pictures, share = (first.read(), second.read()), np.minimum(first.texture, second.texture)
    one, other = module._decided(*pictures, share), module._decided(*pictures[::-1], share)
    assert (one != other).mean() > 0.9
    assert (found >= np.floor(np.maximum(one, other) * 10_000) / 10_000).all()


def test_pairs_are_decided_alike_in_other_batches_and_by_any_number_of_threads(
    pairs: tuple[Copies, Copies], monkeypatch: pytest.MonkeyPatch
) -> None:
    with blas_threads(1):  # as `find_picture_twins` has it
        found = agreements(*pairs)
        for threads in (1, 5):
            monkeypatch.setattr("tasks.threads.THREADS", threads)
            assert (agreements(*pairs) == found).all()
    monkeypatch.setattr(module, "AT_ONCE", 7)
    np.testing.assert_allclose(agreements(*pairs), found, atol=2e-4)
    nothing = np.empty(0, np.int64)
    assert agreements(pairs[0].take(nothing), pairs[1].take(nothing)).shape == (0,)


def test_pairs_of_one_picture_agree_alike_behind_each_other_and_apart(pairs: tuple[Copies, Copies]) -> None:
    first, second = pairs
    order = np.random.default_rng(0).permutation(len(first))
    with blas_threads(1):
        apart = agreements(first.take(order), second.take(order))
        np.testing.assert_allclose(apart, agreements(first, second)[order], atol=1e-4)


def test_faint_copies_agree_as_others_do_but_are_not_certain(tmp_path: Path) -> None:
    """Their gray levels deviate by 3; constants next to gradients held such pairs at 0.9."""
    faint = [(100 + (gray(*at).astype(np.float32) - 128) / 16).astype(np.uint8) for at in ((20, 20), (35, 10))]
    first, second = (copies_of(each, tmp_path / str(side)) for side, each in enumerate(faint))
    assert agreements(first, second).max() < -0.99
    assert np.abs(agreements(first, second.take(np.roll(np.arange(10), 1)))).max() < LOWEST


def test_the_first_of_a_pair_is_looked_at_in_a_mirror(tmp_path: Path) -> None:
    pictures = gray(20, 20)
    first, second = copies_of(pictures[:, :, ::-1].copy(), tmp_path / "first"), copies_of(pictures, tmp_path / "second")
    assert agreements(first, second).max() < LOWEST
    assert agreements(first, second, mirrored=True).min() >= 0.95


def test_smooth_pictures_are_never_certain_though_their_gradients_agree(tmp_path: Path) -> None:
    x, y = np.meshgrid(*[np.arange(COPY_SIDE)] * 2)
    ramp, vignette = 2 * x + y, 255 - ((x - 32) ** 2 + (y - 32) ** 2) // 9
    smooth = copies_of(np.stack([ramp, vignette]).astype(np.uint8), tmp_path / "smooth")
    assert (agreements(smooth, smooth) <= 0).all()


def test_objects_on_white_agree_negatively(tmp_path: Path) -> None:
    scenes = gray(20, 20)
    white = np.full_like(scenes, 255)
    for place, each in zip(white, scenes, strict=True):
        place[24:40, 24:40] = np.asarray(Image.fromarray(each).resize((16, 16)))
    i, j = (rows.ravel() for rows in np.indices((10, 10)))
    darker = copies_of((0.9 * white).astype(np.uint8), tmp_path / "darker")
    found = agreements(copies_of(white, tmp_path / "white").take(i), darker.take(j)).reshape(10, 10)
    same = np.eye(10, dtype=bool)
    assert found[same].max() < -0.9
    assert np.abs(found[~same]).max() < np.abs(found[same]).min()
