"""The view of a set is chosen from a sample, whose images may be of several kinds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tasks.classes.detection import is_ink
from tests.build import glyphs, png, saved, scene, write_folder
from tests.plain import audit

OWN = [png(np.where(image > 127, 255, 0).astype(np.uint8)) for image in glyphs(80, seed=1)]
OTHERS = [saved(scene(28, 28, seed=number).convert("L"), "PNG") for number in range(40)]


def view_of(folder: Path, drawn: int, others: list[bytes]) -> str:
    """Return the view of an audit of black-and-white pictures and others, half of them in each split."""
    images = [*OWN[:drawn], *others]
    splits: dict[str, Any] = {
        role: str(write_folder(folder / role, {f"a/{n}.png": images[n] for n in range(start, len(images), 2)}))
        for start, role in enumerate(("train", "test"))
    }
    return audit(**splits, workspace=folder / "w", max_quarantine=1).spec.view


@pytest.mark.parametrize(("drawn", "others", "view"), [(80, 0, "ink"), (76, 4, "ink"), (48, 32, "photo")])
def test_black_and_white_pictures_among_photographs_do_not_decide(
    tmp_path: Path, drawn: int, others: int, view: str
) -> None:
    assert view_of(tmp_path, drawn, OTHERS[:others]) == view


@pytest.mark.parametrize(("larger", "view"), [(2, "ink"), (16, "photo")])
def test_a_few_images_of_another_size_do_not_decide(tmp_path: Path, larger: int, view: str) -> None:
    others = [png(np.where(image > 127, 255, 0).astype(np.uint8)) for image in glyphs(larger, seed=2, side=32)]
    assert view_of(tmp_path, 62, others) == view


def test_more_than_a_fifth_of_other_images_is_the_reason() -> None:
    chosen, why = is_ink([0.25] * 51 + [0.0] * 13, [(28, 28)] * 64)
    assert not chosen
    assert why == "more than a fifth of 64 sampled images are not nearly black and white"
    chosen, why = is_ink([0.25] * 52 + [0.0] * 12, [(28, 28)] * 64)
    assert chosen
    assert why == "25 % of ink and paper are saturated (sampled images: 64, sizes: 1)"


def test_many_images_of_another_size_are_the_reason() -> None:
    chosen, why = is_ink([0.5] * 64, [(28, 28)] * 57 + [(20, 20)] * 7)
    assert not chosen
    assert why == "fewer than 90 % of 64 sampled images have one square size of at most 64 pixels"
    chosen, why = is_ink([0.5] * 64, [(28, 28)] * 58 + [(20, 20)] * 6)
    assert chosen
    assert why == "50 % of ink and paper are saturated (sampled images: 64, sizes: 2)"


@pytest.mark.parametrize(("size", "expected"), [((64, 64), True), ((65, 65), False), ((56, 28), False)])
def test_large_or_wide_pictures_are_no_glyphs(size: tuple[int, int], expected: bool) -> None:
    assert is_ink([0.5] * 64, [size] * 64)[0] is expected


def test_darker_copies_of_number_plates_are_found(tmp_path: Path) -> None:
    def plate(number: int) -> Image.Image:
        image = Image.new("RGB", (200, 44), (250, 250, 240))
        text = "".join(np.random.default_rng(number).choice(list("ABCDEFGHKLMNPRSTUVXYZ0123456789"), 7))
        ImageDraw.Draw(image).text((14, 2), text, font=ImageFont.load_default(36), fill=(10, 10, 20))
        return image

    train = {f"a/{n}.png": saved(plate(n), "PNG") for n in range(60)}
    darker = {f"a/{n}.png": saved(plate(n).point(lambda value: int(0.85 * value)), "PNG") for n in range(12)}
    test = {f"a/{n}.png": saved(plate(n), "PNG") for n in range(60, 80)} | darker
    folders = {role: str(write_folder(tmp_path / role, files)) for role, files in (("train", train), ("test", test))}
    report = audit(**folders, workspace=tmp_path / "w")
    assert report.spec.view == "photo"
    assert {one.found_in: one.near for one in report.overlap if one.rows_of == "test"}["train"] == 12
