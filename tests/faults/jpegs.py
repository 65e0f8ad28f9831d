"""Cut JPEGs and close them again: how many are accepted, and how many of those have wrong pixels: [--step BYTES]."""

import io
from collections import Counter

import cyclopts
import numpy as np
from PIL import Image

from tasks.classes.decoder import decode
from tasks.classes.png import UnreadableError
from tests.build import saved, scene

PICTURES, EOI = 12, b"\xff\xd9"
FORMS = [{"quality": quality, "progressive": progressive} for quality in (50, 90) for progressive in (False, True)]


def main(step: int = 23) -> None:
    """Print counts over all cuts, every `step` bytes of the data of 48 pictures."""
    found = Counter[str]()
    for seed in range(PICTURES):
        for form in FORMS:
            data = saved(scene(320, 240, seed), "JPEG", **form)
            whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
            for end in range(data.index(b"\xff\xda") + 20, len(data) - 2, step):
                found["cuts"] += 1
                try:
                    pixels = np.asarray(decode(data[:end] + EOI, reduced=False).image.convert("RGB")).astype(int)
                except UnreadableError:
                    continue
                found["accepted"] += 1
                wrong = (np.abs(pixels - whole).max(axis=2) > 0).mean()
                found["accepted with more than 1 % of wrong pixels"] += bool(wrong > 0.01)
    for name in ("cuts", "accepted", "accepted with more than 1 % of wrong pixels"):
        print(f"{name:<44} {found[name]:>7,}")


if __name__ == "__main__":
    cyclopts.run(main)
