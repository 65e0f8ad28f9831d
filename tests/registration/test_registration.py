"""Pictures and changed copies of them, whose maps are known; and pictures that show something else, or nothing."""

from functools import cache

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from tasks.arrays import Pixels
from tasks.overlap.agreements import TEXTURED
from tasks.registration.agreement import Overlaid, agreement, overlay, textured
from tasks.registration.align import LARGEST_SCALE, LARGEST_SHEAR, LARGEST_SHIFT, register
from tasks.registration.forms import SMOOTH, facts_of
from tasks.registration.sharpness import equally_sharp, sharpness
from tasks.registration.warp import IDENTITY, halved, warped
from tests.build import colourless, scene

pytestmark = pytest.mark.usefixtures("each_engine")

SIDE, SEEDS = 64, range(12)
CORNERS = np.array([[x, y, 1] for x in (-1, 1) for y in (-1, 1)], np.float32)
CANVAS, MIDDLE = 480, (80, 80, 400, 400)  # pictures are windows of larger scenes, so that copies show what lies beyond

Box = tuple[int, int, int, int]


def gray(picture: Image.Image) -> Pixels:
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small).astype(np.float32)


@cache
def scenes() -> list[Image.Image]:
    return [scene(CANVAS, CANVAS, seed) for seed in SEEDS]


def windows(box: Box, turn: float = 0.0) -> Pixels:
    """Return the part of each scene in a window, after turning it counterclockwise by some degrees."""
    return np.stack([gray(each.rotate(turn, Image.Resampling.BICUBIC).crop(box)) for each in scenes()])


def known_map(first: Box, second: Box, turn: float = 0.0) -> Pixels:
    """Return the map between windows of the same scene, which was turned for the second: pixels are what they share."""
    (one, c1), (two, c2) = [
        (
            np.array([box[2] - box[0], box[3] - box[1]]) / 2,
            np.array([box[0] + box[2], box[1] + box[3]]) / 2 - CANVAS / 2,
        )
        for box in (first, second)
    ]
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    turned = np.array([[cosine, sine], [-sine, cosine]])  # rows run downwards
    linear, shift = turned * one / two[:, None], (turned @ c1 - c2) / two
    return np.concatenate([linear, shift[:, None]], axis=1).astype(np.float32)


def pixels_apart(found: Pixels, known: Pixels) -> float:
    """Return how far apart the maps put a corner at most, in pixels of the copies."""
    return float(np.abs((found - known) @ CORNERS.T).max() * SIDE / 2)


def laid(first: Pixels, second: Pixels, maps: Pixels, smooth: bool = True) -> Overlaid:
    return overlay(first, second, maps, smooth)


def same(count: int) -> Pixels:
    return np.tile(IDENTITY, (count, 1, 1))


@pytest.mark.parametrize(("gain", "least"), [(1, 0.97), (10, 0.999)])
def test_a_picture_agrees_with_itself_the_better_the_larger_its_gradients(gain: int, least: float) -> None:
    pictures = windows(MIDDLE) * gain
    maps = register(pictures, pictures)
    assert pixels_apart(maps, IDENTITY) < 0.05
    found = agreement(laid(pictures, pictures, maps))
    assert least < found.min() <= found.max() <= 1, "not 1: gradients of less than a gray level have no sure direction"


@pytest.mark.parametrize(
    ("box", "turn"),
    [
        ((100, 100, 420, 420), 0),
        ((60, 100, 380, 420), 0),
        ((96, 96, 384, 384), 0),
        ((112, 80, 400, 400), 0),
        ((64, 64, 416, 416), 0),
        (MIDDLE, 3),
        (MIDDLE, -3),
        ((90, 75, 400, 385), 2),
    ],
    ids=[
        "moved",
        "moved the other way",
        "cropped",
        "cropped at one side",
        "zoomed out",
        "turned",
        "turned back",
        "all",
    ],
)
def test_a_copy_that_was_moved_agrees_where_it_was_moved_to(box: Box, turn: float) -> None:
    pictures, copies = windows(MIDDLE), windows(box, turn)
    maps = register(pictures, copies)
    assert pixels_apart(maps, known_map(MIDDLE, box, turn)) < 1
    found = agreement(laid(pictures, copies, maps))
    assert found.min() >= 0.95
    assert (found - agreement(laid(pictures, copies, same(len(pictures))))).min() > 0.02, "unaligned, they agree less"


@pytest.mark.parametrize(("down", "right"), [(8, 8), (-8, 8), (6, -7)])
def test_a_fine_texture_is_found_an_eighth_of_the_side_away(down: int, right: int) -> None:
    """The shift puts most details on others at first, so steps from there fail."""
    fine = gaussian_filter(np.random.default_rng(0).normal(size=(12, 96, 96)), (0, 2, 2))
    fine = (128 + 50 * fine / fine.std()).astype(np.float32)
    pictures, copies = fine[:, 16:80, 16:80], fine[:, 16 + down : 80 + down, 16 + right : 80 + right]
    maps = register(pictures, copies)
    assert np.abs(maps[:, :, 2] * SIDE / 2 + [right, down]).max() < 1
    assert agreement(laid(pictures, copies, maps)).min() >= 0.95


@pytest.mark.parametrize("shift", [20, -20])
def test_what_is_black_beyond_the_edge_of_a_moved_copy_counts_little(shift: int) -> None:
    scenes = [scene(320, 320, seed) for seed in SEEDS]
    pictures = np.stack([gray(each) for each in scenes])
    copies = np.stack([gray(each.crop((shift, shift, 320 + shift, 320 + shift))) for each in scenes])
    maps = register(pictures, copies)
    assert np.abs(maps[:, :, 2] + shift / 160).max() * SIDE / 2 < 1
    assert agreement(laid(pictures, copies, maps)).min() >= 0.95


def test_other_brightness_and_contrast_change_little() -> None:
    pictures = windows(MIDDLE)
    for copies in (
        0.8 * pictures + 50,
        np.minimum(pictures + 40, 255),
        255 * (pictures / 255) ** np.float32(0.6),
        255 * (pictures / 255) ** np.float32(1.6),
    ):
        maps = register(pictures, copies.astype(np.float32))
        assert agreement(laid(pictures, copies.astype(np.float32), maps)).min() >= 0.95
        assert pixels_apart(maps, IDENTITY) < 1


def test_pictures_of_other_things_do_not_agree_however_they_are_laid() -> None:
    pictures = windows(MIDDLE)
    i, j = np.nonzero(~np.eye(len(pictures), dtype=bool))
    maps = register(pictures[i], pictures[j])
    assert agreement(laid(pictures[i], pictures[j], maps)).max() < 0.8, "clearly below 0.86"
    off = np.abs(maps - IDENTITY).max(axis=0)
    assert (off <= [[LARGEST_SCALE, LARGEST_SHEAR, LARGEST_SHIFT], [LARGEST_SHEAR, LARGEST_SCALE, LARGEST_SHIFT]]).all()
    negative = agreement(laid(pictures, 255 - pictures, same(len(pictures))))
    assert negative.max() < -0.95, "gradients that point the other way"


def test_a_pair_does_not_depend_on_the_batch_it_stands_in() -> None:
    pictures, copies = windows(MIDDLE), windows((90, 75, 400, 385))
    order = np.random.default_rng(0).permutation(len(pictures))
    others = np.concatenate([copies[order], np.zeros_like(copies[:3])]), np.concatenate([pictures, copies[:3]])
    together = agreement(laid(*others, register(*others)))
    alone = [agreement(laid(a[None], b[None], register(a[None], b[None])))[0] for a, b in zip(*others, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.ptp(together) > 0.3


def test_smooth_pictures_have_little_texture_and_scenes_have_much() -> None:
    x, y = np.meshgrid(*[np.arange(SIDE, dtype=np.float32)] * 2)
    vignette = 255 - ((x - 32) ** 2 + (y - 32) ** 2) / 9
    smooth = np.rint(np.stack([np.full_like(x, 100), 3 * x + y, 255 - 2 * x - 2 * y, vignette]))
    assert textured(smooth).max() < TEXTURED
    ramp = smooth[1:2]
    assert agreement(laid(ramp, ramp, register(ramp, ramp))) > 0.95, "which is why agreement is not enough"
    assert textured(windows(MIDDLE)).min() > TEXTURED


def test_plain_shapes_have_little_texture_although_one_agrees_with_another() -> None:
    x, y = np.meshgrid(*[np.arange(SIDE, dtype=np.float32)] * 2)
    discs = [np.hypot(x - 32, y - 30) < radius for radius in (10, 15, 18, 22)]
    squares = [np.maximum(np.abs(x - 30), np.abs(y - 32)) < half for half in (8, 14, 20)]
    edges = [x + slope * y > 40 for slope in (0, 0.4, 1)]
    for contrast in (40, 150):
        shapes = np.where([*discs, *squares, *edges], 50 + contrast, 50).astype(np.float32)
        assert textured(shapes).max() < TEXTURED
        assert agreement(laid(shapes[1:2], shapes[2:3], register(shapes[1:2], shapes[2:3]))) > 0.95


def test_ramps_are_smooth_unless_they_frame_a_scene() -> None:
    x, y = np.meshgrid(*[np.arange(SIDE, dtype=np.uint8)] * 2)
    ramps = np.stack([3 * x + y, 255 - 2 * x - 2 * y, x + y])
    scenes = windows(MIDDLE).astype(np.uint8)
    framed = np.full_like(scenes, 200)
    framed[:, 24:40, 24:40] = scenes[:, ::4, ::4]
    mixed = np.concatenate([ramps, scenes, framed, ramps])
    expected = [True] * 3 + [False] * (len(scenes) + len(framed)) + [True] * 3
    texture, are_framed, _ = facts_of(mixed, colourless(len(mixed)))
    assert ((texture < SMOOTH) & ~are_framed).tolist() == expected
    assert [part.tolist() for part in facts_of(mixed[:0], colourless(0))] == [[], [], []]


def test_the_sharper_picture_is_smoothed_to_the_sharpness_of_the_other_by_octaves_with_mirrored_edges() -> None:
    pictures = windows(MIDDLE)

    def blur(of: Pixels, deviation: float) -> Pixels:
        return gaussian_filter(of, (0, deviation, deviation), mode="reflect", truncate=3)

    fine, coarse = blur(pictures, 1), blur(pictures, 2)
    energies = [np.square(octave).sum(axis=(1, 2)) for octave in (pictures - fine, fine - coarse)]
    np.testing.assert_allclose(sharpness(pictures), energies[0] / (energies[1] + 1e-3 * SIDE**2), rtol=1e-4)
    for deviation in (0.5, 1.0, 2.0):
        first, second = equally_sharp(pictures, blur(pictures, deviation))
        np.testing.assert_allclose(first, blur(pictures, deviation), atol=0.01)
        assert (second == blur(pictures, deviation)).all()
    same = equally_sharp(pictures, blur(pictures, 0.2))
    assert (same[0] == pictures).all()


def test_constant_pictures_agree_with_nothing_and_give_numbers() -> None:
    plain = np.stack([np.full((SIDE, SIDE), value, np.float32) for value in (0, 100, 255)])
    pictures = windows(MIDDLE)[:3]
    for first, second in ((plain, plain), (plain, pictures), (pictures, plain), (plain, plain[::-1])):
        maps = register(first, second)
        for values in (maps, textured(first)):
            assert np.isfinite(values).all()
        for smooth in (True, False):
            assert np.abs(agreement(laid(first, second, maps, smooth))).max() < 0.01


def test_coordinates_run_from_minus_one_to_one_over_the_sides() -> None:
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 8, 8)).astype(np.float32)
    pixel = 2 / 8
    right = np.array([[[1, 0, pixel], [0, 1, 0]], [[1, 0, 0], [0, 1, -pixel]]], np.float32)
    values, inside = (part.reshape(2, 8, 8) for part in warped(pictures, right))
    np.testing.assert_allclose(values[0, :, :-1], pictures[0, :, 1:], atol=0.3)  # almost the last line: see `_pixel`
    np.testing.assert_allclose(values[1, 1:], pictures[1, :-1], atol=0.3)
    assert inside[0].all(axis=0).tolist() == [True] * 7 + [False]
    assert inside[1].all(axis=1).tolist() == [False] + [True] * 7
    np.testing.assert_allclose(values[0, :, -1], pictures[0, :, -1], atol=0.3, err_msg="outside, the nearest edge")
    across = np.array([[[0, 1, 0], [1, 0, 0]]], np.float32)
    np.testing.assert_allclose(warped(pictures[:1], across)[0].reshape(8, 8), pictures[0].T, atol=0.3)
    half = warped(pictures[:1], np.array([[[1, 0, pixel / 2], [0, 1, 0]]], np.float32))[0].reshape(8, 8)
    np.testing.assert_allclose(half[:, :-1], (pictures[0, :, 1:] + pictures[0, :, :-1]) / 2, atol=0.3)
    np.testing.assert_allclose(halved(pictures), pictures.reshape(2, 4, 2, 4, 2).mean(axis=(2, 4)), rtol=1e-5)
