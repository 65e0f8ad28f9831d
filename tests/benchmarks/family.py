"""One image with very many copies: ``python -m tests.benchmarks.family [--copies 20000]``.

Frames of one scene that differ by noise and look equal, and some other images, are compared with a test set that has a
few more of them, and with themselves. The output is seconds, peak memory, the number of compared pairs, and the result.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.dedupe import peak
from tests.build import scene
from tests.overlap.engine import Measured, measure, picture_split

SIDE, OTHERS, IN_TEST = 64, 500, 100


def frames(count: int, seed: int) -> list[Image.Image]:
    """Return noisy copies of one scene."""
    rng, base = np.random.default_rng(seed), np.asarray(scene(SIDE, SIDE, seed=0), np.int16)
    noisy = (base + rng.integers(-3, 4, base.shape) for _ in range(count))
    return [Image.fromarray(np.clip(one, 0, 255).astype(np.uint8)) for one in noisy]


def called(found: Measured, side: int) -> int:
    """Return how many rows of a side are duplicates or undecided."""
    return int((found.duplicates(side) | found.undecided(side)).sum())


def timed(what: str, work: Callable[[], Measured], answer: Callable[[Measured], str]) -> None:
    """Print a line."""
    start = time.monotonic()
    found = work()
    said = answer(found)
    seconds, pairs = time.monotonic() - start, len(found.settled.pairs.first)
    print(f"{what:<24} {seconds:>7.1f} s {peak():>7,.0f} MB {pairs:>10,} pairs; {said}", flush=True)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=20_000)
    copies = parser.parse_args().copies
    with tempfile.TemporaryDirectory() as temporary:
        folder, others = Path(temporary), [scene(SIDE, SIDE, seed) for seed in range(1, OTHERS + 1)]
        train = picture_split(folder, "train", frames(copies, 1) + others[: OTHERS // 2])
        test = picture_split(folder, "test", frames(IN_TEST, 2) + others[OTHERS // 2 :])
        print(f"{copies:,} copies, {peak():,.0f} MB before")
        timed(
            "test with train",
            lambda: measure(folder, train, test, "photo"),
            lambda found: (
                f"duplicates or undecided: {called(found, 1)} of {IN_TEST} of test, {called(found, 0):,} of train"
            ),
        )
        timed(
            "train with itself",
            lambda: measure(folder, train, train, "photo", asked=0.95),
            lambda found: f"largest group {np.bincount(found.groups().group).max():,}",
        )


if __name__ == "__main__":
    main()
