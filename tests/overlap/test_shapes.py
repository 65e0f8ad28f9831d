"""Crops and padding that change the shape of a picture: its middle with the other shape is compared."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from tasks.registration.forms import are_trimmed, middles, shapes
from tests.build import scene
from tests.overlap.engine import matches

Change = Callable[[Image.Image], Image.Image]
WIDE, TALL, SQUARE = (320, 180), (200, 300), (320, 320)
SCENES = {size: [scene(*size, seed) for seed in range(20)] for size in (WIDE, TALL, SQUARE)}


def cropped(picture: Image.Image) -> Image.Image:
    """Return the middle of a picture as the usual pipeline of ImageNet cuts it."""
    return ImageOps.fit(picture, (256, 256)).crop((16, 16, 240, 240))


def in_a_mirror(picture: Image.Image) -> Image.Image:
    """Return a wide picture that its own reflection pads to a square."""
    above = (picture.width - picture.height) // 2
    below = picture.width - picture.height - above
    return Image.fromarray(np.pad(np.asarray(picture), ((above, below), (0, 0), (0, 0)), "symmetric"))


def on_itself(picture: Image.Image) -> Image.Image:
    """Return a picture on a blurred square of itself, as players show films."""
    ground = picture.resize((max(picture.size), max(picture.size))).filter(ImageFilter.GaussianBlur(12))
    ground.paste(picture, ((ground.width - picture.width) // 2, (ground.height - picture.height) // 2))
    return ground


def as_a_film(picture: Image.Image) -> Image.Image:
    """Return the strip of a picture that fills a wide screen."""
    return ImageOps.fit(picture, WIDE)


CHANGES = [
    (WIDE, cropped), (TALL, cropped), (WIDE, in_a_mirror), (WIDE, on_itself), (TALL, on_itself), (SQUARE, as_a_film)
]  # fmt: skip


@pytest.mark.parametrize("reverse", [False, True], ids=["of train", "of test"])
@pytest.mark.parametrize(("size", "change"), CHANGES)
def test_a_copy_of_another_shape_is_found_in_either_split(
    size: tuple[int, int], change: Change, reverse: bool, tmp_path: Path
) -> None:
    originals, copies = SCENES[size], [change(each) for each in SCENES[size][:12]]
    found = matches(tmp_path, *((copies, originals) if reverse else (originals, copies)))
    assert [*zip(found.first.tolist(), found.second.tolist(), strict=True)] == [(i, i) for i in range(12)]


def test_copies_of_originals_in_all_shapes_are_found(tmp_path: Path) -> None:
    originals = [pictures[number] for number, pictures in enumerate(4 * [*SCENES.values()])]
    found = matches(tmp_path, originals, [cropped(each) for each in originals])
    assert [*zip(found.first.tolist(), found.second.tolist(), strict=True)] == [(i, i) for i in range(12)]


def test_the_middle_has_the_usual_shape_of_other_images_or_is_a_square() -> None:
    aspect = np.array([1.6, 1.6, 1.0, 0.5, 1.8], np.float32)
    assert shapes(aspect, 1.5) == pytest.approx([1.6, 1.6, 1 / 1.5, 1 / 3, 1.2])


def test_an_image_without_bars_is_trimmed_to_another_shape_only() -> None:
    shape, framed = np.array([1.6, 0.5, 1.2, 1.05, 1.0], np.float32), np.zeros(5, bool)
    assert are_trimmed(shape, framed).tolist() == [True, True, True, False, False]
    scales = [(1 / 1.6, 1), (1, 0.5), (1 / 1.2, 1), (1 / 1.05, 1), (1, 1)]
    assert middles(np.zeros((5, 64, 64), np.uint8), framed, shape) == pytest.approx(np.pad(scales, ((0, 0), (0, 2))))
