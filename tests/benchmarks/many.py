"""Archives of any number of glyphs, generated each time, with a few in memory."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.build import LETTERS, Gray, font_member, glyphs, png

SHAPES = 2000  # of a letter, that its glyphs are drawn from
TAKEN = 40  # pixels of ink that a glyph lacks of its shape
COPIES = 50  # one in 50 is a copy of another
AT_ONCE = 5000
SMALL = 25  # one glyph in 25 is in the small archive


def drawn(count: int, seed: int) -> Iterator[Gray]:
    """Yield glyphs of a letter that differ from each other in noise, some of them copies of others."""
    rng = np.random.default_rng(seed)
    shapes = glyphs(min(SHAPES, count), seed)
    some = [shapes[0]]
    for start in range(0, count, AT_ONCE):
        images = shapes[np.arange(start, min(start + AT_ONCE, count)) % len(shapes)].copy()
        flat = images.reshape(len(images), -1)
        order = np.where(flat > 127, rng.random(flat.shape, np.float32), 2)
        np.put_along_axis(flat, np.argpartition(order, TAKEN, axis=1)[:, :TAKEN], 0, axis=1)
        copied = rng.random(len(images)) < 1 / COPIES
        for number, image in enumerate(images):
            yield some[int(rng.integers(len(some)))] if copied[number] else image
        some = [*some, *images[:: AT_ONCE // 50].copy()]


def write(count: int, folder: Path) -> dict[str, str]:
    """Write two archives of glyphs by letter; return their paths."""
    paths = {name: folder / f"{name}.tar" for name in ("large", "small")}
    share = count // len(LETTERS)
    with tarfile.open(paths["large"], "w") as large, tarfile.open(paths["small"], "w") as small:
        for letter_number, letter in enumerate(LETTERS):
            for number, image in enumerate(drawn(share, seed=letter_number)):
                data = png(image)
                member = tarfile.TarInfo(f"root/{letter}/{font_member(f'{number}.ttf')}")
                member.size = len(data)
                (large if number % SMALL else small).addfile(member, io.BytesIO(data))
    return {name: str(path) for name, path in paths.items()}
