from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tasks.classes.glyphs import font_of
from tasks.errors import DataError
from tasks.sources import fonts
from tasks.storage.place import Place
from tasks.vocabulary import Role
from tests.build import read_entries


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    folder = tmp_path_factory.mktemp("fonts")
    found = fonts.find_fonts()
    roles: tuple[Role, ...] = ("large", "small")
    for role in roles:
        fonts.write_archive(found, role, Place.of(folder / f"{role}.tar"))
    return {role: folder / f"{role}.tar" for role in roles}


def test_an_archive_has_the_layout_and_the_names_of_notmnist(archives: dict[Role, Path]) -> None:
    for role, count in fonts.GLYPHS.items():
        entries = list(read_entries(Place.of(archives[role])))
        letters = Counter(entry.name.split("/")[1] for entry in entries)
        assert {entry.name.split("/")[0] for entry in entries} == {f"notMNIST_{role}"}
        assert sorted(letters) == list(fonts.LETTERS)
        assert all(count <= n <= count + 1 for n in letters.values())
        assert all(font_of(entry.name.split("/")[2]) for entry in entries)
        assert len({entry.name for entry in entries}) == len(entries)


def test_at_least_five_members_are_unreadable_and_at_most_one_percent_of_a_class() -> None:
    assert sum(len(members) for members in fonts.UNREADABLE.values()) >= 5
    assert all(fonts.GLYPHS[role] >= 100 for role in fonts.UNREADABLE)


def test_the_same_fonts_give_the_same_bytes(archives: dict[Role, Path], tmp_path: Path) -> None:
    fonts.write_archive(fonts.find_fonts(), "small", Place.of(tmp_path / "again.tar"))
    assert (tmp_path / "again.tar").read_bytes() == archives["small"].read_bytes()


def test_the_two_archives_share_some_images_and_not_all(archives: dict[Role, Path]) -> None:
    digests = {role: {e.digest for e in read_entries(Place.of(path)) if e.size > 60} for role, path in archives.items()}
    shared = len(digests["large"] & digests["small"]) / len(digests["small"])
    assert 0.05 < shared < 0.5


def test_a_glyph_touches_all_four_sides_of_its_square() -> None:
    image = fonts.draw(fonts.Style(fonts.find_fonts()[0], 0.02, 0.1, 48), "A")
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert all(side.any() for side in (image[0], image[-1], image[:, 0], image[:, -1]))


def test_a_folder_without_fonts_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no font with the letters A to J"):
        fonts.find_fonts(Place.of(tmp_path))


def test_a_glyph_is_slanted_as_its_whole_canvas_would_be() -> None:
    for style in fonts.draw_styles(fonts.find_fonts(), 40, seed=3):
        font = ImageFont.truetype(str(style.font), style.size)
        canvas = Image.new("L", (4 * style.size, 3 * style.size))
        place, stroke = (style.size, style.size // 2), round(style.weight * style.size)
        ImageDraw.Draw(canvas).text(place, "A", fill=255, font=font, stroke_width=stroke)
        shear = (1, style.slant, -style.slant * style.size, 0, 1, 0)
        whole = canvas.transform(canvas.size, Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR)
        glyph = whole.crop(whole.getbbox()).resize((fonts.SIDE, fonts.SIDE), Image.Resampling.BILINEAR)
        assert (fonts.draw(style, "A") == np.asarray(glyph)).all()
