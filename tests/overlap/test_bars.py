"""Images in bars and frames are compared with what is inside them, in either split and however many there are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from tasks.overlap.agreements import agreements
from tasks.registration.forms import are_framed, facts_of, windows
from tasks.registration.views import LOWEST
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.storage.place import Place
from tests.build import colourless, scene
from tests.overlap.engine import matches

Change = Callable[[Image.Image], Image.Image]
FRAMES: dict[str, Change] = {
    "in a square": lambda picture: ImageOps.expand(picture.resize((320, 180)), (0, 70), (114, 114, 114)),
    "in a white frame": lambda picture: ImageOps.expand(picture, 80, "white"),
    "between black bars": lambda picture: ImageOps.expand(picture, (0, 50)),
    "uneven": lambda picture: ImageOps.expand(picture, (90, 10, 20, 60), (200, 30, 30)),
}
SCENES = [scene(320, 320, seed) for seed in range(24)]


def gray(pictures: list[Image.Image]) -> np.ndarray:
    small = [each.convert("L").resize((COPY_SIDE, COPY_SIDE), Image.Resampling.BILINEAR) for each in pictures]
    return np.stack([np.asarray(each) for each in small])


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("framed_split", ["train", "test"])
def test_a_framed_copy_is_found_in_either_split(frame: Change, framed_split: str, tmp_path: Path) -> None:
    framed = [frame(each) for each in SCENES[:12]]
    new = SCENES[12:18]
    sides = ([*framed, *new], SCENES[:12]) if framed_split == "train" else ([*SCENES[:12], *new], framed)
    found = matches(tmp_path, *sides)
    assert {(i, i) for i in range(12)} <= {*zip(found.first.tolist(), found.second.tolist(), strict=True)}
    assert (found.first == found.second).all(), "no other image is a duplicate"


def test_all_framed_copies_of_an_image_are_found_however_many(tmp_path: Path) -> None:
    frames = [ImageOps.expand(SCENES[0], (0, 30 + 2 * number), (number,) * 3) for number in range(30)]
    found = matches(tmp_path, [*frames, *SCENES[12:20]], [SCENES[0], *SCENES[20:]])
    assert found.first.tolist() == list(range(30))
    assert found.second.tolist() == [0] * 30


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_most_bars_are_measured_to_a_pixel(frame: Change) -> None:
    found = windows(gray([frame(each) for each in SCENES]))
    ideal = np.median(found, axis=0)
    mask = np.asarray(frame(Image.new("RGB", (320, 320), (1, 2, 3))))
    rows, columns = (np.flatnonzero((mask == (1, 2, 3)).all(axis=2).any(axis=axis)) for axis in (1, 0))
    ends = [
        (line[0] / size, 1 - (line[-1] + 1) / size) for line, size in ((columns, mask.shape[1]), (rows, mask.shape[0]))
    ]
    wanted = [1 - low - high for low, high in ends] + [low - high for low, high in ends]
    np.testing.assert_allclose(ideal, wanted, atol=2.1 / COPY_SIDE)
    assert are_framed(found).mean() > 0.9


@pytest.mark.parametrize("size", [60, 90, 110])
def test_an_object_keeps_its_place_in_its_background(size: int) -> None:
    picture = Image.new("RGB", (320, 320), "white")
    ImageDraw.Draw(picture).ellipse((160 - size, 150 - size, 160 + size, 150 + size), "navy")
    assert not are_framed(windows(gray([picture]))).any()


def test_images_without_bars_are_not_framed() -> None:
    assert not are_framed(windows(gray(SCENES))).any()
    plain = np.stack([np.full((COPY_SIDE, COPY_SIDE), level, np.uint8) for level in (0, 130, 255)])
    assert not are_framed(windows(plain)).any()
    assert windows(plain[:0]).shape == (0, 4)


def copies_of(file: Path, pictures: list[Image.Image]) -> Copies:
    copies = gray(pictures)
    file.write_bytes(copies.tobytes())
    aspect = np.array([each.width / each.height for each in pictures], np.float32)
    facts = *facts_of(copies, colourless(len(copies))), aspect
    return Copies([Place.of(file)], np.zeros(len(copies), np.int64), np.arange(len(copies)), *facts)


def test_the_frame_of_both_images_is_part_of_them(tmp_path: Path) -> None:
    """Two pictures in frames are compared as they are: only a frame that one of them lacks is left out."""
    copies = copies_of(tmp_path / "copies", [FRAMES["in a white frame"](each) for each in SCENES[:8]])
    same, other = agreements(copies, copies), agreements(copies, copies.take(np.arange(8) ^ 1))
    assert same.min() > 0.99
    assert other.max() < LOWEST


def test_a_thin_frame_hides_no_plot(tmp_path: Path) -> None:
    def plot(seed: int) -> Image.Image:
        picture, rng = Image.new("RGB", (320, 240), "white"), np.random.default_rng(seed)
        heights = 120 + np.cumsum(rng.normal(0, 9, 160)).clip(-110, 110)
        ImageDraw.Draw(picture).line([(2 * x, y) for x, y in enumerate(heights)], "black", 2)
        return picture

    plots = [plot(seed) for seed in range(12)]
    originals = copies_of(tmp_path / "plots", plots)
    for width in (5, 9, 12, 14):
        framed = copies_of(tmp_path / "framed", [ImageOps.expand(each, width) for each in plots])
        assert (np.abs(agreements(originals, framed)) > LOWEST).sum() >= 10, "lines near the frame may be lost"
        assert agreements(originals, framed.take((np.arange(12) + 1) % 12)).max() < LOWEST


def test_the_line_beside_a_frame_hides_no_plot(tmp_path: Path) -> None:
    """It is half frame on a small copy, and darker than the thin lines of plots with a margin of their own."""

    def plot(seed: int) -> Image.Image:
        picture, rng, x = Image.new("RGB", (400, 250), "white"), np.random.default_rng(seed), np.arange(360)
        peaks = [np.exp(-(((x - rng.integers(360)) / rng.uniform(2, 12)) ** 2)) for _ in range(12)]
        heights = 220 - 200 * np.max(peaks, axis=0) * rng.uniform(0.3, 1)
        draw = ImageDraw.Draw(picture)
        draw.rectangle((24, 8, 386, 228), outline="black")
        draw.line([(25 + place, height) for place, height in enumerate(heights)], "black")
        return picture

    plots = [plot(seed) for seed in range(12)]
    originals = copies_of(tmp_path / "plots", plots)
    for width in (10, 15):
        framed = copies_of(tmp_path / "framed", [ImageOps.expand(each, width) for each in plots])
        assert agreements(framed, originals).min() > 0.9
        assert agreements(framed.take((np.arange(12) + 1) % 12), originals).max() < LOWEST


@pytest.mark.parametrize("margin", [0.34, 0.37])
def test_a_wide_frame_leaves_the_whole_of_a_small_picture(margin: float, tmp_path: Path) -> None:
    """One line of the small copy is a large part of what is inside, so the line next to the frame is not cut off."""
    framed = []
    for number, each in enumerate(SCENES[:12]):
        canvas, side = Image.new("RGB", (320, 320), (number % 3 * 100,) * 3), round(320 * (1 - 2 * margin))
        canvas.paste(each.resize((side, side)), ((320 - side) // 2,) * 2)
        framed.append(canvas)
    found = agreements(copies_of(tmp_path / "framed", framed), copies_of(tmp_path / "whole", SCENES[:12]))
    assert np.sort(found)[1] > 0.96, "of one, the frame has the gray of the picture next to it"


def test_what_is_inside_bars_needs_texture_too(tmp_path: Path) -> None:
    """The edges of bars are the only structure of a blank sheet with a dark edge, so it resembles all in bars."""
    sheets = [Image.new("RGB", (320, 320), (level,) * 3) for level in range(120, 240, 15)]
    for number, sheet in enumerate(sheets):
        ImageDraw.Draw(sheet).rectangle((0, 0, 320, 40 + number), "black")
    blank = copies_of(tmp_path / "sheets", sheets)
    boxed = copies_of(tmp_path / "boxed", [ImageOps.expand(each, (0, 60, 0, 0)) for each in SCENES[:8]])
    assert blank.framed.all()
    assert agreements(blank, boxed).max() < LOWEST
    assert agreements(boxed, blank).max() < LOWEST
