"""Copies planted among pictures of known kinds: ``python -m tests.benchmarks.mixtures``.

Sets that would refute the verdict on photographs: no copies at all, few pictures, one picture with most of the copies,
textures, copies among look-alikes, look-alikes among unlike pictures, a test set of nothing but copies. Each is audited
as a user would. Printed are the threshold, the copies that are called duplicates, the other rows that are, and how many
rows are undecided.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from prefect.testing.utilities import prefect_test_harness
from scipy.ndimage import gaussian_filter

from flows.pipeline import audit
from tests.benchmarks.lookalikes import product
from tests.benchmarks.photos import CHANGES
from tests.build import saved, scene

Pictures = Sequence[Image.Image]
WAYS = (
    "JPEG 30",
    "cropped by 10 %",
    "moved by 1/16 both ways",
    "rotated by 3 degrees",
    "gamma 0.7",
    "half size and back",
)


def changed(pictures: Pictures) -> list[Image.Image]:
    """Return a copy of each picture, changed in one of some ways in turn."""
    return [CHANGES[way](picture) for picture, way in zip(pictures, cycle(WAYS), strict=False)]


def texture(rng: np.random.Generator) -> Image.Image:
    """Return a picture of fine noise, unlike every other."""
    noise = gaussian_filter(rng.normal(size=(128, 128, 3)), (1.5, 1.5, 0))
    return Image.fromarray(np.clip(127 + 50 * noise / noise.std(), 0, 255).astype(np.uint8))


def sets() -> dict[str, tuple[Pictures, Pictures, Pictures]]:
    """Return train, the new images of test, and the copies in test, for each set."""
    rng = np.random.default_rng(5)
    scenes = [scene(160, 120, seed=number) for number in range(1000)]
    textures = [texture(rng) for _ in range(600)]
    products = [Image.fromarray(np.clip(product(rng), 0, 255).astype(np.uint8)).convert("RGB") for _ in range(800)]
    return {
        "scenes": (scenes[:600], scenes[600:800], changed(scenes[:50])),
        "scenes without copies": (scenes[:600], scenes[600:], []),
        "few scenes": (scenes[:100], scenes[600:640], changed(scenes[:12])),
        "copies of one scene": (scenes[:600], scenes[600:800], changed(scenes[:1] * 80)),
        "textures": (textures[:400], textures[400:], changed(textures[:40])),
        "products on white": (products[:500], products[500:], changed(products[:30])),
        "half products, half scenes": (
            [*products[:300], *scenes[:300]], [*products[500:650], *scenes[600:750]], changed(scenes[:40])
        ),
        "nothing but copies": (scenes[:400], [], changed(scenes[:200])),
    }  # fmt: skip


def write(folder: Path, split: str, name: str, pictures: Pictures) -> None:
    """Write pictures into two classes that mean nothing."""
    for number, picture in enumerate(pictures):
        path = folder / split / "ab"[number % 2] / f"{name}-{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(saved(picture, "JPEG", quality=92))


def main() -> None:
    """Print a line per set."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{'set':<28} {'threshold':>9} {'copies found':>13} {'others called':>20} {'undecided':>9}")
    with prefect_test_harness(server_startup_timeout=90):
        for name, (train, new, copies) in sets().items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                for split, kind, pictures in (("train", "own", train), ("test", "new", new), ("test", "copy", copies)):
                    write(folder, split, kind, pictures)
                splits: dict[str, Any] = {split: str(folder / split) for split in ("train", "test")}
                report = audit(**splits, workspace=folder / "w")
                gone = pq.read_table(report.run / "removed.parquet")["id"].to_pylist()
            found = sum("/copy-" in row for row in gone)
            threshold = report.verdict.threshold or "none"
            of = f"{found} of {len(copies)}"
            open_ = report.pair("test", "train").undecided
            print(f"{name:<28} {threshold:>9} {of:>13} {len(gone) - found:>20} {open_:>9}", flush=True)


if __name__ == "__main__":
    main()
