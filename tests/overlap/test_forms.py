"""Copies that were moved, cropped, framed or mirrored have the bits of their original in one of the forms."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from tasks.arrays import Bits, Floats, Gray
from tasks.registration.forms import MOVE, MOVED, ZOOMED, facts_of, mirrored_form, other_forms
from tasks.registration.views import SIDE, comparable_bits
from tasks.storage.copies import COPY_SIDE
from tests.build import colourless, scene

SCENES = [scene(360, 360, seed) for seed in range(12)]
TRIMMED, FIRST_MOVE, FIRST_ZOOM = 0, 1, 1 + len(MOVED)  # places of the forms


def cut(left: int, top: int, right: int, bottom: int) -> list[Image.Image]:
    return [each.crop((left, top, right, bottom)) for each in SCENES]


ORIGINALS = cut(20, 20, 340, 340)


def gray(pictures: list[Image.Image], side: int) -> Gray:
    """Return pictures as they are decoded."""
    small = [each.convert("L").resize((side, side), Image.Resampling.BILINEAR) for each in pictures]
    return np.stack([np.asarray(each) for each in small])


def plain(pictures: list[Image.Image]) -> Bits:
    return comparable_bits(gray(pictures, SIDE))


def forms(pictures: list[Image.Image]) -> list[Bits]:
    copies = gray(pictures, COPY_SIDE)
    return other_forms(copies, facts_of(copies, colourless(len(copies)))[1], np.ones(len(copies), np.float32))


def jaccard(first: Bits, second: Bits) -> Floats:
    shared, either = (np.bitwise_count(bits).sum(axis=1) for bits in (first & second, first | second))
    return shared / np.maximum(either, 1)


def test_there_is_a_form_for_each_window_and_each_has_a_row_for_each_copy() -> None:
    for count in (0, 1, len(SCENES)):
        copies = gray(ORIGINALS, COPY_SIDE)[:count]
        found = other_forms(copies, np.zeros(count, bool), np.ones(count, np.float32))
        assert len(found) == 1 + len(MOVED) + len(ZOOMED)
        assert [bits.shape for bits in found] == [(count, 98)] * len(found)
        assert all(bits.dtype == np.uint8 for bits in found)
        assert mirrored_form(gray(ORIGINALS, COPY_SIDE)[:count]).shape == (count, 98)


@pytest.mark.parametrize("down", [-1, 1])
@pytest.mark.parametrize("right", [-1, 1])
@pytest.mark.parametrize("pixels", [20, 15, 10], ids=["a sixteenth", "as the form", "a thirty-second"])
def test_a_moved_picture_has_the_bits_of_its_original_in_one_form(pixels: int, right: int, down: int) -> None:
    x, y = 20 + right * pixels, 20 + down * pixels
    copies = cut(x, y, x + 320, y + 320)
    found = np.stack([jaccard(bits, plain(ORIGINALS)) for bits in forms(copies)])
    form = FIRST_MOVE + MOVED.index((1.0, (-right * MOVE, -down * MOVE)))
    assert (found.argmax(axis=0) == form).all()
    assert found[form].min() > (0.9 if pixels == 15 else 0.7)
    assert (found[form] - jaccard(plain(copies), plain(ORIGINALS))).min() > 0.05


@pytest.mark.parametrize(("margin", "form"), [(4, FIRST_ZOOM), (36, FIRST_ZOOM + 1)], ids=["smaller", "cropped"])
def test_a_zoomed_picture_has_the_bits_of_its_original_in_one_form(margin: int, form: int) -> None:
    copies = cut(margin, margin, 360 - margin, 360 - margin)
    found = np.stack([jaccard(bits, plain(ORIGINALS)) for bits in forms(copies)])
    assert (found.argmax(axis=0) == form).all()
    assert found[form].min() > 0.9
    assert (found[form] - jaccard(plain(copies), plain(ORIGINALS))).min() > 0.1


FRAMES: list[Callable[[Image.Image], Image.Image]] = [
    lambda picture: ImageOps.expand(picture, (0, 48)),
    lambda picture: ImageOps.expand(picture, (0, 48), "white"),
    lambda picture: ImageOps.expand(picture, (60, 0)),
    lambda picture: ImageOps.expand(picture, (30, 30, 10, 50), (200, 30, 30)),
]


@pytest.mark.parametrize("framed", FRAMES, ids=["letterboxed", "in white", "at the sides", "uneven"])
def test_a_plain_border_is_trimmed(framed: Callable[[Image.Image], Image.Image]) -> None:
    copies = [framed(each) for each in ORIGINALS]
    trimmed, as_it_is = jaccard(forms(copies)[TRIMMED], plain(ORIGINALS)), jaccard(plain(copies), plain(ORIGINALS))
    assert np.median(trimmed) > 0.9
    assert np.median(trimmed - as_it_is) > 0.35
    assert (trimmed > as_it_is + 0.2).all()


def test_where_nothing_is_to_be_trimmed_the_trimmed_form_has_no_bits() -> None:
    framed = [ImageOps.expand(ORIGINALS[0], (0, 48)), *ORIGINALS]
    assert forms(framed)[TRIMMED].any(axis=1).tolist() == [True] + [False] * len(ORIGINALS)


def test_a_mirrored_copy_has_in_a_mirror_the_bits_of_its_original() -> None:
    copies = [ImageOps.mirror(each) for each in ORIGINALS]
    assert jaccard(mirrored_form(gray(copies, COPY_SIDE)), plain(ORIGINALS)).min() > 0.95
    assert jaccard(mirrored_form(gray(ORIGINALS, COPY_SIDE)), plain(ORIGINALS)).max() < 0.6


def test_pictures_of_one_gray_have_no_bits_in_any_form() -> None:
    copies = np.stack([np.full((COPY_SIDE, COPY_SIDE), value, np.uint8) for value in (0, 77, 255)])
    assert not np.any([*other_forms(copies, np.ones(3, bool), np.ones(3, np.float32)), mirrored_form(copies)])
