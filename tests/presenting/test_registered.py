"""The transform that lays a photograph over another one."""

import re

import numpy as np
import pytest
from PIL import Image

from tasks.kernel import SIDE
from tasks.presenting.gallery import transforms_over
from tests.build import scene

Box = tuple[int, int, int, int]
CROPS: dict[str, Box] = {  # of 480 x 270
    "a crop": (40, 20, 440, 250),
    "the middle square": (105, 0, 375, 270),
    "a wide strip": (0, 60, 480, 210),
    "moved to the left": (0, 0, 400, 270),
}


def transforms(*pairs: tuple[Image.Image, Image.Image]) -> list[str]:
    """Return the transform of each pair."""
    ends = [*zip(*pairs, strict=True)] if pairs else [(), ()]
    resized = [[one.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for one in end] for end in ends]
    copies = [np.array([np.asarray(one) for one in end], np.uint8).reshape(-1, SIDE, SIDE) for end in resized]
    return transforms_over(copies, [np.array([one.width / one.height for one in end]) for end in ends])


def numbers(transform: str) -> list[float]:
    """Return the translation as a share of the sides, and the first four numbers of the matrix."""
    x, y, *matrix = map(float, re.findall(r"-?\d+\.?\d*", transform))
    return [x / 100, y / 100, *matrix[:4]]


def barred(picture: Image.Image) -> Image.Image:
    """Return a picture between black bars at the top and the bottom."""
    whole = Image.new("RGB", (picture.width, picture.height + 160))
    whole.paste(picture, (0, 80))
    return whole


@pytest.mark.parametrize("box", CROPS.values(), ids=CROPS)
def test_a_crop_and_its_original_are_laid_over_each_other(box: Box) -> None:
    for seed in range(4):
        whole = scene(480, 270, seed=seed)
        left, top, right, bottom = box
        across, down = (right - left) / 480, (bottom - top) / 270
        shift = (left + right) / 960 - 0.5, (top + bottom) / 540 - 0.5  # of the middle, in shares of the original
        over, under = transforms((whole.crop(box), whole), (whole, whole.crop(box)))
        expected = [-shift[0] / across, -shift[1] / down, 1 / across, 0, 0, 1 / down]
        assert numbers(over) == pytest.approx(expected, abs=0.03), seed
        assert numbers(under) == pytest.approx([*shift, across, 0, 0, down], abs=0.03), seed


def test_a_picture_in_a_frame_is_laid_over_the_one_without() -> None:
    for seed in range(4):
        picture = scene(300, 300, seed=seed)
        inside, outside = transforms((picture, barred(picture)), (barred(picture), picture))
        assert numbers(inside) == pytest.approx([0, 0, 1, 0, 0, 460 / 300], abs=0.03), seed
        assert numbers(outside) == pytest.approx([0, 0, 1, 0, 0, 300 / 460], abs=0.03), seed


def test_a_rotated_picture_is_turned_back_whatever_the_shape() -> None:
    def turned(degrees: float) -> Image.Image:
        return scene(600, 400, seed=3).rotate(degrees).crop((90, 60, 510, 340))

    (over,) = transforms((turned(0), turned(8)))
    cos, sin = np.cos(np.radians(8)), np.sin(np.radians(8))
    assert numbers(over) == pytest.approx([0, 0, cos, sin, -sin, cos], abs=0.03)


def test_a_pair_does_not_depend_on_those_beside_it() -> None:
    pairs = [(scene(96, 60 + seed, seed=seed), scene(90 + seed, 70, seed=seed // 2)) for seed in range(19)]
    assert transforms(*pairs) == [transforms(pair)[0] for pair in pairs]
    assert transforms() == []
