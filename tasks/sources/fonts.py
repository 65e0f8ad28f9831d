"""Archives in notMNIST's layout, rendered from fonts, for a first run without a download.

As in notMNIST, each glyph is cropped to its ink and stretched to a square, white on black. Weights, slants and sizes of
a few dozen fonts give thousands of glyphs, including duplicates.
"""

import base64
import io
import tarfile
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tasks.errors import DataError
from tasks.storage import Place, at, disk
from tasks.storage.images import as_file
from tasks.vocabulary import Role

LETTERS = "ABCDEFGHIJ"
GLYPHS: dict[Role, int] = {"large": 1000, "small": 200}
SIDE = 28
SHARED = 30  # styles that both archives have; near-duplicates arise by themselves
WEIGHTS = (0.0, 0.06)  # stroke, as a share of the size
SLANTS = (-0.15, 0.30)  # horizontal shift per unit of height
SIZES = (16, 64)  # pixels per em; small ones come out coarse
UNREADABLE: dict[Role, dict[str, bytes]] = {  # as in the real archives: empty files, and one that is not an image
    "large": {"A": b"<html>this is no image</html>", "B": b"", "D": b""},
    "small": {"A": b"", "F": b""},
}


@dataclass(frozen=True)
class Style:
    """One way to draw every letter."""

    font: Place
    weight: float
    slant: float
    size: int


def find_fonts(folder: Place | None = None) -> list[Place]:
    """Return the font files below `folder` (matplotlib's by default) that draw A to J; raises `DataError` for none."""
    import matplotlib

    folder = folder or Place.of(matplotlib.get_data_path()) / "fonts/ttf"
    names = at(folder).files_below() if at(folder).is_folder() else []
    files = [folder / name for name in names if PurePosixPath(name).suffix.lower() in {".ttf", ".otf", ".ttc", ".pfb"}]
    fonts = [font for font in files if _draws_letters(font)]
    if not fonts:
        raise DataError(f"{folder} has no font with the letters A to J; name a folder with .ttf or .otf files.")
    return fonts


def write_archive(fonts: list[Place], role: Role, target: Place) -> None:
    """Render one of the two archives to `target`, byte for byte the same for the same fonts."""
    styles = draw_styles(fonts, GLYPHS["large"] - SHARED + GLYPHS["small"], seed=0)
    styles = styles[: GLYPHS["large"]] if role == "large" else styles[-GLYPHS["small"] :]
    drawn = [[draw(style, letter) for letter in LETTERS] for style in styles]  # loads each font once
    with disk.writing(target) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, letter in enumerate(LETTERS):
            images = [as_file(Image.fromarray(letters[number])) for letters in drawn]
            files = [(style.font.last, image) for style, image in zip(styles, images, strict=True)]
            if letter in UNREADABLE[role]:
                files.append((f"Broken {letter}.ttf", UNREADABLE[role][letter]))
            seen = Counter[str]()
            for font, data in files:  # named as in notMNIST: by the base64 of the font's name, with a counter
                name = base64.urlsafe_b64encode(font.encode()).decode() + (f"_{seen[font]}" if seen[font] else "")
                seen[font] += 1
                info = tarfile.TarInfo(f"notMNIST_{role}/{letter}/{name}.png")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def draw_styles(fonts: list[Place], count: int, seed: int) -> list[Style]:
    """Return random styles; the archives take theirs from opposite ends of one list, with an overlap."""
    rng = np.random.default_rng(seed)
    columns = (rng.integers(len(fonts), size=count), rng.uniform(*WEIGHTS, count), rng.uniform(*SLANTS, count))
    sizes = rng.integers(SIZES[0], SIZES[1], count, endpoint=True)
    return [Style(fonts[f], float(w), float(s), int(z)) for f, w, s, z in zip(*columns, sizes, strict=True)]


def draw(style: Style, letter: str) -> np.ndarray:
    """Return one glyph, uint8 of shape (28, 28): 0 is background, 255 is ink."""
    font = _load(style.font, style.size)
    stroke = round(style.weight * style.size)
    canvas = Image.new("L", (4 * style.size, 3 * style.size))
    ImageDraw.Draw(canvas).text((style.size, style.size // 2), letter, fill=255, font=font, stroke_width=stroke)
    ink = canvas.getbbox()
    if ink and style.slant:
        _, top, _, bottom = ink  # only rows with ink need slanting
        shear = (1, style.slant, style.slant * (top - style.size), 0, 1, top)
        size = canvas.width, bottom - top
        canvas = canvas.transform(size, Image.Transform.AFFINE, shear, Image.Resampling.BILINEAR)
        ink = canvas.getbbox()
    if ink is None:
        raise DataError(f"font {style.font} draws nothing for {letter}; remove it from the folder.")
    return np.asarray(canvas.crop(ink).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


@lru_cache
def _load(font: Place, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(at(font).read_bytes()), size)


def _draws_letters(place: Place) -> bool:
    """Return whether a font draws every letter differently (symbol fonts draw the same box for all)."""
    try:
        font = _load(place, 32)
        masks = [font.getmask(letter) for letter in LETTERS]
    except OSError:
        return False
    shapes = {(mask.size, bytes(mask)) for mask in masks}
    return len(shapes) == len(LETTERS) and all(mask.getbbox() for mask in masks)
