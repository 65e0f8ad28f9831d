"""What is another colour, and what only a change of the same one."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageEnhance, ImageOps

from tasks.arrays import Bits
from tasks.registration.colours import colours_inside, colours_of, differ_in_colour
from tests.build import saved, scene
from tests.overlap.engine import measure, picture_split

Change = Callable[[Image.Image], Image.Image]
SCENES = [scene(240, 200, seed) for seed in range(40)]
WHOLE = [1.0, 1.0, 0.0, 0.0]


def turned(share: float) -> Change:
    """Return a change of all hues by a share of the circle."""

    def change(image: Image.Image) -> Image.Image:
        hue, *rest = image.convert("HSV").split()
        return Image.merge("HSV", (hue.point(lambda value: (value + round(256 * share)) % 256), *rest)).convert("RGB")

    return change


def recoloured(image: Image.Image) -> Image.Image:
    """Return an image of the same grays in the opposite colours."""
    gray, *colours = image.convert("YCbCr").split()
    return Image.merge("YCbCr", (gray, *map(ImageOps.invert, colours))).convert("RGB")


def fine(images: list[Image.Image]) -> Bits:
    return np.stack([np.frombuffer(colours_of(np.asarray(each)), np.uint8) for each in images])


def coarse(images: list[Image.Image]) -> Bits:
    return colours_inside(fine(images), np.tile(WHOLE, (len(images), 1)))


COPIES: dict[str, Change] = {
    "JPEG 30": lambda image: Image.open(io.BytesIO(saved(image, "JPEG", quality=30))),
    "gray": lambda image: image.convert("L"),
    "pale": lambda image: ImageEnhance.Color(image).enhance(0.4),
    "vivid": lambda image: ImageEnhance.Color(image).enhance(1.8),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "cropped": lambda image: image.crop((24, 20, 240, 200)),
    "moved": lambda image: ImageChops.offset(image, 15, 12),
    "in a narrow frame": lambda image: ImageOps.expand(image, 12, "white"),
    "hue": turned(0.1),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_a_changed_copy_has_the_same_colours(change: Change) -> None:
    assert not differ_in_colour(coarse([change(each) for each in SCENES]), coarse(SCENES)).any()


def test_strong_colours_on_the_other_side_of_gray_are_others_even_if_fewer_are_strong() -> None:
    vivid, pale = (coarse([ImageEnhance.Color(each).enhance(share) for each in SCENES]) for share in (1, 0.1))
    others = coarse([recoloured(each) for each in SCENES])
    assert differ_in_colour(vivid, others).mean() > 0.9, "some scenes have no strong colours"
    assert not differ_in_colour(pale, others).any(), "weak colours prove nothing"
    turned_far = coarse([turned(0.3)(each) for each in SCENES])
    assert differ_in_colour(vivid, turned_far).mean() > 0.5


def test_a_mirrored_picture_is_compared_mirrored() -> None:
    halves = Image.new("RGB", (64, 64), "red")
    halves.paste((0, 0, 255), (32, 0, 64, 64))
    plain, mirrored = coarse([halves]), coarse([ImageOps.mirror(halves)])
    assert differ_in_colour(plain, mirrored).tolist() == [True]
    assert differ_in_colour(plain, mirrored, mirrored=True).tolist() == [False]


def test_colours_are_those_inside_a_frame() -> None:
    framed = [ImageOps.expand(each, (120, 0, 0, 100), (0, 90, 250)) for each in SCENES]
    inside = colours_inside(fine(framed), np.tile([240 / 360, 200 / 300, 120 / 360, -100 / 300], (len(SCENES), 1)))
    assert not differ_in_colour(inside, coarse(SCENES)).any()
    assert differ_in_colour(coarse(framed), coarse(SCENES)).any(), "the frame would be one"


def test_no_pictures_have_no_colours() -> None:
    none = colours_inside(np.empty((0, 128), np.uint8), np.empty((0, 4)))
    assert differ_in_colour(none, none).tolist() == []


def test_recoloured_pictures_are_undecided_and_gray_copies_are_duplicates(tmp_path: Path) -> None:
    kinds: list[Change] = [recoloured, COPIES["gray"], COPIES["pale"], COPIES["JPEG 30"]]
    test = [kinds[number % 4](each).convert("RGB") for number, each in enumerate(SCENES)]
    train, other = SCENES + [scene(240, 200, seed) for seed in range(100, 140)], [scene(240, 200, 99)]
    splits = picture_split(tmp_path, "train", train), picture_split(tmp_path, "test", test + other)
    found = measure(tmp_path, *splits, "photo")
    copies = np.append(np.arange(len(test)) % 4 > 0, False)
    strong = differ_in_colour(coarse(test), coarse(SCENES))
    assert strong.sum() > 7
    assert (found.duplicates(1)[:-1] == copies[:-1] | ~strong).all()
    assert found.undecided(1)[:-1][strong].all()
    assert measure(tmp_path, *splits, "photo", asked=0.95).duplicates(1)[:-1].all(), "a threshold decides them, too"
    assert not found.duplicates(1)[-1]
