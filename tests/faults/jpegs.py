"""Cut JPEGs and close them again: how many are accepted, and how many of those have wrong pixels: [--cuts N]."""

from collections import Counter
from itertools import product

import cyclopts
import numpy as np
from numpy.typing import NDArray

from tasks.classes.decoder import decode
from tasks.classes.jpeg import REDUCED_SIDE, SCALES
from tasks.classes.png import UnreadableError
from tests.build import saved, scene

PICTURES, EOI = 3, b"\xff\xd9"
FORMS = [{"quality": quality, "progressive": progressive} for quality in (50, 90) for progressive in (False, True)]


def main(cuts: int = 200) -> None:
    """Print counts over cuts of the data of each image, decoded in full and at each reduced scale."""
    found = Counter[str]()
    for scale, seed, form in product((1, *SCALES), range(PICTURES), FORMS):
        data = saved(scene(scale * REDUCED_SIDE + 20, scale * REDUCED_SIDE, seed), "JPEG", **form)
        for reduced in (False, True) if scale > 1 else (False,):
            whole = pixels_of(data, reduced)
            for end in np.linspace(data.index(b"\xff\xda") + 20, len(data) - 2, cuts, endpoint=False, dtype=int):
                found["cuts"] += 1
                try:
                    pixels = pixels_of(data[:end] + EOI, reduced)
                except UnreadableError:
                    continue
                found["accepted"] += 1
                wrong = (np.abs(pixels - whole).max(axis=2) > 0).mean()
                found["accepted with more than 1 % of wrong pixels"] += bool(wrong > 0.01)
    for name in ("cuts", "accepted", "accepted with more than 1 % of wrong pixels"):
        print(f"{name:<44} {found[name]:>7,}")


def pixels_of(data: bytes, reduced: bool) -> NDArray[np.int64]:
    """Return the pixels of a file, as a run decodes it."""
    return np.asarray(decode(data, reduced, cheap=True).image.convert("RGB")).astype(int)


if __name__ == "__main__":
    cyclopts.run(main)
