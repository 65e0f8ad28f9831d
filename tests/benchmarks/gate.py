"""Measure the cost of the strict gate, compared with decoding with and without it.

    python -m tests.benchmarks.gate

Prints microseconds per real image. Needs the shared data folder.
"""

import argparse
import io
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from tasks.classes import glyphs
from tasks.classes.png import filtered_rows
from tests.build import SHARED
from tests.real import read_members

REPEATS = 5


def microseconds(work: Callable[[], object], images: int) -> float:
    """Return the best of several repetitions, per image."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return 1e6 * best / images


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not SHARED.is_dir():
        raise SystemExit(f"This benchmark needs the shared data folder {SHARED}.")
    members = [data for _, data in read_members(SHARED / "data" / "notmnist_real_5k.tar.gz")]
    rows = [filtered_rows(data, 28) for data in members]
    work: dict[str, Callable[[], object]] = {
        "the gate: chunks, checksums, inflated length": lambda: [filtered_rows(data, 28) for data in members],
        "decoding what passed, 4,096 at a time": lambda: [
            glyphs.decode(rows[at : at + 4096], 28) for at in range(0, len(rows), 4096)
        ],
        "Pillow alone, image by image, without a gate": lambda: [
            np.asarray(Image.open(io.BytesIO(data), formats=["PNG"])) for data in members
        ],
    }
    for name, function in work.items():
        print(f"{name:<48} {microseconds(function, len(members)):6.1f} us")


if __name__ == "__main__":
    main()
