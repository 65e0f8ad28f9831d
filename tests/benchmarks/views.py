"""How black and white sets of images are: ``python -m tests.benchmarks.views [ARCHIVE ...]``.

The output is, for each archive, the measure that decides between the ink and the photo view (see
`tasks.classes.detection`), on 500 of its images and on the inverted images: its median, and what four of five images
have at least. Without archives, the sets next to the project are used.
"""

import argparse
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tasks.classes.detection import INK_FROM, LOW_FROM, saturated_share
from tests.build import SHARED

SAMPLE, SIDE = 500, 28


def shares(archive: Path) -> tuple[list[float], list[float]]:
    """Return the share of each of some images, as they are and inverted."""
    plain, inverted = [], []
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile()]
        for member in members[:: -(-len(members) // SAMPLE)]:
            file = tar.extractfile(member)
            try:
                with Image.open(io.BytesIO(file.read() if file else b"")) as image:
                    small = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
            except (UnidentifiedImageError, OSError, SyntaxError):
                continue
            plain.append(saturated_share(small))
            inverted.append(saturated_share(255 - small))
    return plain, inverted


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per archive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", type=Path, nargs="*")
    archives = parser.parse_args(arguments).archives or sorted((SHARED / "data").glob("*.tar*"))
    print(f"{'set':<28} {'median':>7} {'low':>5} {'inverted':>9} {'low':>5}   ink from {INK_FROM} and {LOW_FROM}")
    for archive in archives:
        plain, inverted = ((np.median(values), sorted(values)[len(values) // 5]) for values in shares(archive))
        name = archive.name.split(".")[0]
        print(f"{name:<28} {plain[0]:>7.2f} {plain[1]:>5.2f} {inverted[0]:>9.2f} {inverted[1]:>5.2f}", flush=True)


if __name__ == "__main__":
    main()
