"""Which copies of photographs are found: ``python -m tests.benchmarks.photos [--train ARCHIVE --test ARCHIVE]``.

A few images of train are changed in each way, and added to the images of test. The set is audited in the usual way. The
output is, for every change, the share of its images found as duplicates, and the share of undecided ones. Mirrored
images, which have their own count, are found as well: train may have a mirrored copy of its own. Without archives,
there are two drawn sets, and the samples of CIFAR-10 and of brain scans, if available.
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
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from prefect.testing.utilities import prefect_test_harness

from flows.pipeline import audit
from tasks.records import Report
from tests.benchmarks.lookalikes import write
from tests.build import SHARED, saved

EACH = 40  # pictures that are changed in one way
DRAWN, ROWS = ("pages of text", "products on white"), 600  # kinds of pictures, and rows of test
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


def barred(image: Image.Image) -> Image.Image:
    """Put gray bars above and below, as a wide picture has them in a square; 9/16 of the height remain."""
    return ImageOps.expand(image, (0, round(image.height * 7 / 18)), (114, 114, 114))


def framed(image: Image.Image) -> Image.Image:
    """Put a white frame around a picture, a quarter of its shorter side."""
    return ImageOps.expand(image, min(image.size) // 4, "white")


def strip(image: Image.Image) -> Image.Image:
    """Cut a wide strip out of the middle of a picture: 9/16 of the height, then 7/8 of both sides."""
    wide = ImageOps.fit(image, (image.width, round(image.height * 9 / 16)))
    return wide.crop((wide.width // 16, wide.height // 16, wide.width * 15 // 16, wide.height * 15 // 16))


def reflected(image: Image.Image) -> Image.Image:
    """Pad a picture by its reflection on both sides, to 16/9 of its width."""
    more = round(image.width * 7 / 18)
    return Image.fromarray(np.pad(np.asarray(image), ((0, 0), (more, more), (0, 0)), "symmetric"))


def blurred(share: float) -> Change:
    """Blur a picture by a share of its shorter side."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) * share))


def covered(left: float, top: float, right: float, bottom: float, colour: str, words: str = "") -> Change:
    """Cover a part, in shares of the sides, and write on it."""

    def change(image: Image.Image) -> Image.Image:
        copy, corners = image.copy(), (left, top, right, bottom)
        box = [round(share * length) for share, length in zip(corners, image.size * 2, strict=True)]
        draw = ImageDraw.Draw(copy)
        draw.rectangle(box, fill=colour)
        draw.text((box[0] + 2, box[1]), words, fill="white", font=ImageFont.load_default(max(6, image.height // 10)))
        return copy

    return change


def logo(image: Image.Image) -> Image.Image:
    """Put a red disc into the lower right corner, a fifth of the sides."""
    copy, (width, height) = image.copy(), image.size
    ImageDraw.Draw(copy).ellipse((width * 3 // 4, height * 3 // 4, width * 19 // 20, height * 19 // 20), fill="red")
    return copy


def watermarked(image: Image.Image) -> Image.Image:
    """Write light letters, a fourth of the height, across the middle; a third of them is seen."""
    layer = Image.new("L", image.size)
    font = ImageFont.load_default(max(6, image.height // 4))
    ImageDraw.Draw(layer).text((image.width / 2, image.height / 2), "SAMPLE", fill=85, font=font, anchor="mm")
    return Image.composite(Image.new("RGB", image.size, "white"), image, layer)


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
    "blurred by 1/64 of the side": blurred(1 / 64), "blurred by 1/32 of the side": blurred(1 / 32),
    "letterboxed by 1/8": letterboxed, "bars, 9/16 of the height left": barred, "white frame": framed,
    "watermark": watermarked, "logo": logo,
    "caption": covered(0, 7 / 8, 1, 1, "black", "a caption"), "label on a corner": covered(0, 0, 1 / 5, 1 / 5, "white"),
    "cut-out": covered(1 / 3, 1 / 3, 7 / 12, 7 / 12, "gray"),
    "wide strip of the middle": strip, "reflected at the sides": reflected,
}  # fmt: skip


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures below a folder, in order."""
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


def audited(folder: Path) -> Report:
    """Plant copies into the splits of a folder, and audit it."""
    plant(pictures_in(folder / "train"), pictures_in(folder / "test"))
    return audit(train=str(folder / "train"), test=str(folder / "test"), workspace=folder / "w", also=("mirrored",))


def shares(report: Report) -> dict[str, str]:
    """Return the shares in percent of the planted pictures of each kind that were found, and that are undecided."""
    removed = set(pq.read_table(report.run / "removed.parquet")["id"].to_pylist())
    variants = pq.read_table(report.run / "variants.parquet").to_pylist()
    least = 100 * (report.verdict.threshold or 9)
    apart = {row["id"] for row in variants if row["percent"] >= least > row["plain_percent"]}
    unsure = report.run / "unconfirmed.parquet"
    undecided = set(pq.read_table(unsure)["id"].to_pylist()) if unsure.exists() else set()
    found = {}
    for number, name in enumerate(CHANGES):
        of, mark = removed | apart if name == "mirrored" else removed, f"planted-{number:02d}-"
        sure, open_ = (round(100 * sum(mark in row for row in some) / EACH) for some in (of, undecided - of))
        found[name] = f"{sure} + {open_}" if open_ else str(sure)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of changes and sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    given = parser.parse_args(arguments)
    given_ones = [(given.train, given.test)] if given.train and given.test else []
    archives = given_ones or [(SHARED / "data" / train, SHARED / "data" / test) for train, test in SETS]
    table: dict[str, dict[str, str]] = {}
    with prefect_test_harness(server_startup_timeout=90):
        for kind in () if given_ones else DRAWN:
            with tempfile.TemporaryDirectory() as temporary:
                write(kind, ROWS, Path(temporary))
                table[kind] = shares(audited(Path(temporary)))
        for pair in archives:
            if not all(map(os.path.exists, pair)):
                print(f"skipped: {pair[0]} is not there; give --train and --test")
                continue
            with tempfile.TemporaryDirectory() as temporary:
                for archive, split in zip(pair, ("train", "test"), strict=True):
                    with tarfile.open(archive) as tar:
                        tar.extractall(Path(temporary) / split, filter="data")
                table[pair[1].name.split(".")[0]] = shares(audited(Path(temporary)))
    print(f"{'change, and % found + % undecided':<34}" + "".join(f"{name:>20}" for name in table))
    for change in CHANGES:
        print(f"{change:<34}" + "".join(f"{found[change]:>20}" for found in table.values()))


if __name__ == "__main__":
    main()
