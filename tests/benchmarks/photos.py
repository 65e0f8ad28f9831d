"""Which copies of photographs are found: ``python -m tests.benchmarks.photos [--train ARCHIVE --test ARCHIVE]``.

Pictures of train are changed in every way, a few in each, and put into test beside the pictures that are there. The
set is audited as a user would. Printed is, for every change, the share of its pictures that are called twins. Mirrored
ones that are counted apart are found as well: train may have a mirrored copy of its own. Without archives, the samples
of CIFAR-10 and of brain scans are used, where they are there.
"""

import argparse
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from prefect.testing.utilities import prefect_test_harness

from flows.audit import audit
from tasks.records import Report
from tests.build import SHARED, saved

EACH = 40  # pictures that are changed in one way
SETS = (("cifar_train.tar.gz", "cifar_test.tar.gz"), ("mri_train.tar", "mri_test.tar"))
Change = Callable[[Image.Image], Image.Image]


def jpeg(quality: int) -> Change:
    """Store a picture once more."""
    return lambda image: Image.open(io.BytesIO(saved(image, "JPEG", quality=quality))).convert("RGB")


def cropped(share: float) -> Change:
    """Cut a border of whole pixels off, half the share on each side, and stretch what is left."""

    def change(image: Image.Image) -> Image.Image:
        left, top = (max(1, round(share / 2 * length)) for length in image.size)
        inside = image.crop((left, top, image.width - left, image.height - top))
        return inside.resize(image.size, Image.Resampling.BICUBIC)

    return change


def moved(share: float) -> Change:
    """Move a picture to the right and down by a share of its size; the edge is repeated."""

    def change(image: Image.Image) -> Image.Image:
        right, down = (max(1, round(share * length)) for length in image.size)
        padded = np.pad(np.asarray(image), ((down, 0), (right, 0), (0, 0)), mode="edge")
        return Image.fromarray(padded[: image.height, : image.width])

    return change


def turned(degrees: float) -> Change:
    """Rotate a picture; the corners become black."""
    return lambda image: image.rotate(degrees, Image.Resampling.BICUBIC)


def halved(image: Image.Image) -> Image.Image:
    """Store a picture at half its size, and at full size again."""
    return image.resize((image.width // 2, image.height // 2)).resize(image.size, Image.Resampling.BICUBIC)


def letterboxed(image: Image.Image) -> Image.Image:
    """Put black bars above and below, an eighth of the height in all."""
    canvas = Image.new("RGB", (image.width, round(image.height * 8 / 7)))
    canvas.paste(image, (0, (canvas.height - image.height) // 2))
    return canvas.resize(image.size, Image.Resampling.BICUBIC)


def overlaid(image: Image.Image) -> Image.Image:
    """Cover a corner with a white label, a fifth of each side."""
    copy = image.copy()
    ImageDraw.Draw(copy).rectangle((0, 0, image.width // 5, image.height // 5), fill="white")
    return copy


CHANGES: dict[str, Change] = {
    "JPEG 75": jpeg(75), "JPEG 50": jpeg(50), "JPEG 30": jpeg(30), "half size and back": halved,
    "brightness +20 %": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "brightness -20 %": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "contrast +30 %": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "gamma 0.7": lambda image: image.point([round(255 * (v / 255) ** 0.7) for v in range(256)] * 3),
    "gray": lambda image: image.convert("L").convert("RGB"),
    "cropped by 5 %": cropped(0.05), "cropped by 10 %": cropped(0.10), "cropped by 15 %": cropped(0.15),
    "moved by 1/32 both ways": moved(1 / 32), "moved by 1/16 both ways": moved(1 / 16),
    "moved by 1/10 both ways": moved(1 / 10),
    "rotated by 1 degree": turned(1), "rotated by 3 degrees": turned(3),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "blurred by 1/64 of the side": lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) / 64)),
    "label on a corner": overlaid, "letterboxed by 1/8": letterboxed,
}  # fmt: skip


def unpack(archive: Path, folder: Path) -> list[Path]:
    """Unpack a tar of classes; returns the pictures in order."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))


def plant(train: list[Path], test: list[Path]) -> None:
    """Put changed pictures of train into the classes of test."""
    classes = {path.parent.name: path.parent for path in test}
    chosen = iter(np.random.default_rng(0).permutation(len(train))[: EACH * len(CHANGES)].tolist())
    for number, change in enumerate(CHANGES.values()):
        for copy in range(EACH):
            path = train[next(chosen)]
            with Image.open(path) as image:
                changed = change(image.convert("RGB"))
            target = classes[path.parent.name] / f"planted-{number:02d}-{copy}.jpg"
            target.write_bytes(saved(changed, "JPEG", quality=95))


def shares(report: Report) -> dict[str, float]:
    """Return the share of the planted pictures of each kind that were found."""
    removed = set(pq.read_table(report.run / "removed.parquet")["id"].to_pylist())
    variants = pq.read_table(report.run / "variants.parquet").to_pylist()
    least = 100 * (report.verdict.threshold or 9)
    apart = {row["id"] for row in variants if row["percent"] >= least > row["plain_percent"]}
    found = {}
    for number, name in enumerate(CHANGES):
        of, mark = removed | apart if name == "mirrored" else removed, f"planted-{number:02d}-"
        found[name] = sum(mark in row for row in of) / EACH
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of changes and sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    given = parser.parse_args(arguments)
    sets = [(given.train, given.test)] if given.train and given.test else [
        (SHARED / "data" / train, SHARED / "data" / test) for train, test in SETS
    ]  # fmt: skip
    if missing := [str(path) for pair in sets for path in pair if not path.exists()]:
        parser.exit(message=f"not there: {', '.join(missing)}; give --train and --test.\n")
    table: dict[str, dict[str, float]] = {}
    with prefect_test_harness(server_startup_timeout=90):
        for train, test in sets:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                plant(unpack(train, folder / "train"), unpack(test, folder / "test"))
                report = audit(
                    train=str(folder / "train"), test=str(folder / "test"), workspace=folder / "w", also=("mirrored",)
                )
                name = f"{test.name.split('.')[0]}, {report.verdict.threshold}"
                table[name] = shares(report)
    print(f"{'change, and share found in % by set and threshold':<52}" + "".join(f"{name:>20}" for name in table))
    for change in CHANGES:
        print(f"{change:<52}" + "".join(f"{100 * found[change]:>20.0f}" for found in table.values()))


if __name__ == "__main__":
    main()
