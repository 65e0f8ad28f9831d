"""Sets of different images of one kind: ``python -m tests.benchmarks.lookalikes [--rows N]``.

No two images of a set are the same, and all share the features of their kind: a layout, a subject, a border. Each set
is split into train and test and audited in the usual way; every duplicate found is wrong. The output is the shares of
test rows with such a duplicate, and of undecided rows. There are no glyphs: they are near-duplicates by definition, so
a set of smooth glyphs, where two draws may be that similar, has near-duplicates.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from prefect.testing.utilities import prefect_test_harness
from scipy.ndimage import gaussian_filter

from flows.pipeline import audit
from tests.build import saved

SIDE = 200
Picture = NDArray[np.float64]
y, x = (np.mgrid[:SIDE, :SIDE] - SIDE / 2) / (SIDE / 2)
WORDS = [
    "the", "of", "and", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are",
    "as", "with", "his", "they", "at", "be", "this", "have", "from", "or", "one", "had", "by",
]  # fmt: skip


def grain(rng: np.random.Generator, sigma: float, strength: float) -> Picture:
    """Return smooth noise of a standard deviation."""
    noise = gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma)
    return strength * noise / noise.std()


def ellipse(cx: float, cy: float, rx: float, ry: float, soft: float = 0.03, turn: float = 0.0) -> Picture:
    """Return a filled ellipse with a soft edge, 0 to 1."""
    u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
    return 1 / (1 + np.exp((np.hypot(u / rx, v / ry) - 1) * min(rx, ry) / soft))


def chest(rng: np.random.Generator) -> Picture:
    """Return something like an X-ray of a chest: two lungs, a heart, ribs."""
    picture = 150 + 50 * ellipse(rng.normal(0, 0.02), 0, 0.9, 1.2, 0.1)
    for sign in (-1, 1):
        picture -= 110 * ellipse(
            sign * 0.4 + rng.normal(0, 0.03),
            rng.normal(0, 0.04),
            0.28 + rng.normal(0, 0.03),
            0.6 + rng.normal(0, 0.05),
            0.05,
            sign * (0.1 + rng.normal(0, 0.04)),
        )
        for rib in np.arange(-0.55, 0.6, 0.17) + rng.normal(0, 0.02):
            picture += 18 * np.exp(-(((y - rib - 0.3 * (np.abs(x) - 0.4) ** 2) / 0.03) ** 2)) * (np.sign(x) == sign)
    picture += 70 * ellipse(
        0.1 + rng.normal(0, 0.03),
        0.2 + rng.normal(0, 0.05),
        0.25 + rng.normal(0, 0.03),
        0.3 + rng.normal(0, 0.04),
        0.05,
    )
    return picture + grain(rng, 8, 6) + grain(rng, 1, 4)


def microscopy(rng: np.random.Generator) -> Picture:
    """Return cells at random on a bright ground, until it is full."""
    picture = np.full((SIDE, SIDE), 215.0) + grain(rng, 40, 6)
    for _ in range(rng.integers(15, 30)):
        cx, cy, r, turn = *rng.uniform(-1, 1, 2), rng.uniform(0.06, 0.12), rng.uniform(0, 3)
        picture -= 70 * ellipse(cx, cy, r, r * rng.uniform(0.7, 1), 0.01, turn) + 60 * ellipse(
            cx, cy, r / 2, r / 2, 0.01
        )
    return picture + grain(rng, 1, 4)


def vignette(rng: np.random.Generator) -> Picture:
    """Return an empty wall, darker towards the corners."""
    return 200 - rng.uniform(60, 110) * (x**2 + y**2) ** rng.uniform(0.8, 1.2) + grain(rng, 1, 3)


def brain(rng: np.random.Generator) -> Picture:
    """Return something like a slice through a head: skull, brain, ventricles, folds."""
    rx, ry = 0.65 + rng.normal(0, 0.02), 0.82 + rng.normal(0, 0.02)
    inside = ellipse(0, 0, rx - 0.08, ry - 0.08)
    picture = 200 * (ellipse(0, 0, rx, ry) - ellipse(0, 0, rx - 0.06, ry - 0.06)) + 110 * inside
    picture += inside * grain(rng, 5, 18)
    for sign in (-1, 1):
        picture -= 70 * ellipse(
            sign * (0.12 + rng.normal(0, 0.02)),
            rng.normal(0, 0.04),
            0.08 + rng.normal(0, 0.015),
            0.25 + rng.normal(0, 0.03),
            0.02,
            sign * rng.normal(0, 0.1),
        )
    return picture + grain(rng, 1, 3)


def retina(rng: np.random.Generator) -> Picture:
    """Return something like the back of an eye: a disc, an optic nerve, vessels that branch from it."""
    field = ellipse(0, 0, 0.92, 0.92, 0.02)
    picture = 120 * field * (1 - 0.3 * (x**2 + y**2))
    cx, cy = 0.4 + rng.normal(0, 0.04), rng.normal(0, 0.04)
    picture += 90 * ellipse(cx, cy, 0.12, 0.14, 0.03)
    for turn in rng.uniform(0, 2 * np.pi, 9):
        u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        bend = rng.normal(0, 0.25) * u**2 + 0.03 * np.sin(9 * u + rng.uniform(0, 6))
        picture -= 45 * field * (u > 0) * np.exp(-(((v - bend) / rng.uniform(0.012, 0.025)) ** 2))
    return picture + field * grain(rng, 10, 6) + grain(rng, 1, 2)


def text(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, left: int, top: int, width: int, lines: int, ink: int
) -> None:
    """Write lines of random words."""
    font = ImageFont.load_default(9)
    for line in range(lines):
        words = " ".join(rng.permutation(WORDS))[: int(width / 4.6 * rng.uniform(0.8, 1))]
        draw.text((left, top + 12 * line), words, fill=ink, font=font)


def form(rng: np.random.Generator) -> Picture:
    """Return a printed form with new entries."""
    image = Image.new("L", (SIDE, SIDE), 255)
    draw = ImageDraw.Draw(image)
    for row in range(8):
        draw.rectangle((10, 12 + 22 * row, 190, 30 + 22 * row), outline=0)
        draw.line((70, 12 + 22 * row, 70, 30 + 22 * row), fill=0)
        draw.text((14, 15 + 22 * row), WORDS[row] + " no", fill=0, font=ImageFont.load_default(10))
        draw.text((76, 15 + 22 * row), str(rng.integers(10**6, 10**9)), fill=60, font=ImageFont.load_default(11))
    return np.asarray(image).astype(float) + grain(rng, 1, 2)


def page(rng: np.random.Generator) -> Picture:
    """Return a page of text in one layout."""
    image = Image.new("L", (SIDE, SIDE), 250)
    text(rng, ImageDraw.Draw(image), 15, 12, 170, 14, 20)
    return np.asarray(image).astype(float) + grain(rng, 1, 2)


def code(rng: np.random.Generator) -> Picture:
    """Return a dark window with lines of code."""
    image = Image.new("L", (SIDE, SIDE), 28)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIDE, 14), fill=60)
    for line in range(14):
        text(rng, draw, 12 + 10 * int(rng.integers(0, 4)), 18 + 12 * line, int(rng.integers(30, 150)), 1, 200)
    return np.asarray(image).astype(float)


def product(rng: np.random.Generator) -> Picture:
    """Return an object on white: a body, a cap, a label."""
    picture = np.full((SIDE, SIDE), 255.0)
    width, height = 0.3 + rng.normal(0, 0.05), 0.6 + rng.normal(0, 0.08)
    for cy, rx, ry, gray in (
        (0.1, width, height, rng.uniform(30, 200)),
        (0.1 - height, width * rng.uniform(0.3, 0.8), 0.12, rng.uniform(30, 200)),
        (0.2 + rng.normal(0, 0.1), width * 0.8, height * rng.uniform(0.2, 0.4), rng.uniform(30, 240)),
    ):
        shape = 1 / (1 + np.exp((np.maximum(np.abs(x / rx), np.abs((y - cy) / ry)) - 1) * 40))
        picture = picture * (1 - shape) + gray * shape * (1 - 0.3 * x**2)
    return picture + grain(rng, 1, 1)


def letterboxed(rng: np.random.Generator) -> Picture:
    """Return a different scene every time, with black bars that take 35 % of the height."""
    picture = 120 + grain(rng, 25, 45) + grain(rng, 6, 25) + grain(rng, 2, 10)
    for _ in range(4):
        cx, cy, rx, ry = *rng.uniform(-0.8, 0.8, 2), *rng.uniform(0.1, 0.4, 2)
        picture += rng.normal(0, 60) * ellipse(cx, cy, rx, ry)
    picture[: int(0.175 * SIDE)] = picture[-int(0.175 * SIDE) :] = 0
    return picture


KINDS: dict[str, Callable[[np.random.Generator], Picture]] = {
    "X-rays of chests": chest, "microscopy": microscopy, "vignetted walls": vignette, "brain slices": brain,
    "retinas": retina, "filled forms": form, "pages of text": page, "dark code": code, "products on white": product,
    "letterboxed scenes": letterboxed,
}  # fmt: skip


def write(kind: str, rows: int, folder: Path) -> dict[str, str]:
    """Write images for train, and half the number for test, in two meaningless classes."""
    rng = np.random.default_rng(len(kind))
    for number in range(3 * rows):
        picture = np.clip(KINDS[kind](rng), 0, 255).astype(np.uint8)
        path = folder / ("test" if number % 3 == 0 else "train") / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(saved(Image.fromarray(picture), "JPEG", quality=92))
    return {split: str(folder / split) for split in ("train", "test")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400, help="test rows of each kind")
    rows = parser.parse_args(arguments).rows
    print(f"{'kind':<20} {'view':<6} {'threshold':>9} {'duplicates':>13} {'undecided':>9}")
    with prefect_test_harness(server_startup_timeout=90):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                splits: dict[str, Any] = write(kind, rows, Path(folder))
                report = audit(**splits, workspace=Path(folder) / "w")
                leak, verdict = report.pair("test", "train"), report.verdict
                threshold = "none" if verdict.threshold is None else f"{verdict.threshold:.2f}"
                wrong, open_ = leak.either / leak.rows, leak.undecided / leak.rows
                print(f"{kind:<20} {report.spec.view:<6} {threshold:>9} {wrong:>12.1%} {open_:>9.1%}", flush=True)


if __name__ == "__main__":
    main()
