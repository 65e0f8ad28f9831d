"""The view of a set is chosen from a sample, whose images may be of several kinds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
    assert why == "fewer than 90 % of 64 sampled images have one size"
    chosen, why = is_ink([0.5] * 64, [(28, 28)] * 58 + [(20, 20)] * 6)
    assert chosen
    assert why == "50 % of ink and paper are saturated (sampled images: 64, sizes: 2)"
