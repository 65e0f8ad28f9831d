"""What the photo view recognizes: ``python -m tests.benchmarks.photos [FOLDER]``.

Every photograph is distorted in each way, and counts as recognized when the distorted picture is a twin of the original
at the view's threshold. Without a folder the sample of CIFAR-10 is used, where it is there. Then the pictures are
compared with each other: at the threshold, twins should be of one class.
"""

import argparse
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from tasks.classes.decoder import decode
from tasks.overlap.jaccard import count_bits, shared_bits, similarity, to_words
from tasks.views.photo import BITS, SIDE, photo_bits, says_too_little
from tests.build import SHARED, saved

THRESHOLD = 0.65
Change = Callable[[Image.Image], Image.Image]


def jpeg(quality: int) -> Change:
    """Store a picture once more."""
    return lambda image: Image.open(io.BytesIO(saved(image, "JPEG", quality=quality))).convert("RGB")


def resized(factor: float) -> Change:
    """Make a picture smaller and large again."""

    def change(image: Image.Image) -> Image.Image:
        small = image.resize((max(1, round(factor * image.width)), max(1, round(factor * image.height))))
        return small.resize(image.size)

    return change


def cropped(share: float) -> Change:
    """Cut a border of whole pixels off and stretch what is left; of 32 pixels, 10 % are two on each side."""

    def change(image: Image.Image) -> Image.Image:
        x, y = round(share / 2 * image.width), round(share / 2 * image.height)
        return image.crop((x, y, image.width - x, image.height - y)).resize(image.size)

    return change


def moved(x: float, y: float) -> Change:
    """Move a picture by shares of its size; the edge is repeated."""

    def change(image: Image.Image) -> Image.Image:
        dx, dy = round(x * image.width), round(y * image.height)  # whole pixels
        padded = np.pad(np.asarray(image), ((dy, 0), (dx, 0), (0, 0)), mode="edge")
        return Image.fromarray(padded[: image.height, : image.width])

    return change


CHANGES: dict[str, tuple[Change, int | None]] = {  # with the recall that is stated, in percent; see docs/photos.md
    "JPEG quality 75": (jpeg(75), 100),
    "JPEG quality 50": (jpeg(50), 100),
    "resized by 0.8 and back": (resized(0.8), 100),
    "brightness +10 %": (lambda image: ImageEnhance.Brightness(image).enhance(1.1), 100),
    "brightness -10 %": (lambda image: ImageEnhance.Brightness(image).enhance(0.9), 100),
    "contrast +20 %": (lambda image: ImageEnhance.Contrast(image).enhance(1.2), 100),
    "gamma 0.8": (lambda image: image.point([round(255 * (v / 255) ** 0.8) for v in range(256)] * 3), 100),
    "gray": (lambda image: image.convert("L").convert("RGB"), 100),
    "cropped by 5 %": (cropped(0.05), 100),
    "moved by 1/32 of the width": (moved(1 / 32, 0), 100),
    "moved by 1/32 both ways": (moved(1 / 32, 1 / 32), 52),
    "cropped by 10 %": (cropped(0.10), 50),
    "mirrored": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 1),
}


def read_folder(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield class and picture of every JPEG in a folder of classes or a tar of them."""
    if folder.is_dir():
        for path in sorted(folder.rglob("*.jp*g")):
            yield path.parent.name, decode(path.read_bytes(), path.name, scaled=False).image.convert("RGB")
        return
    with tarfile.open(folder) as tar:
        for member in tar:
            if member.isfile() and (file := tar.extractfile(member)):
                yield member.name.split("/")[-2], decode(file.read(), member.name, scaled=False).image.convert("RGB")


def bits_of(images: Sequence[Image.Image]) -> np.ndarray:
    """Return the packed view of pictures."""
    bilinear = Image.Resampling.BILINEAR
    return photo_bits(np.stack([np.asarray(image.convert("L").resize((SIDE, SIDE), bilinear)) for image in images]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per distortion, and how pure the twins within the set are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED / "data" / "cifar_test.tar.gz")
    folder = parser.parse_args(arguments).folder
    classes, images = zip(*read_folder(folder), strict=True)
    plain = bits_of(images)
    kept = ~says_too_little(plain)
    words = to_words(plain)
    rows = np.flatnonzero(kept)
    print(f"{len(images):,} pictures, {(~kept).sum()} of which say too little")
    print(f"{'distortion':<28} {'recognized':>10}  {'stated':>6}")
    for name, (change, stated) in CHANGES.items():
        other = to_words(bits_of([change(image) for image in images]))
        shared = shared_bits(words, other, rows, rows)
        near = similarity(count_bits(words)[rows], count_bits(other)[rows], shared, BITS) >= THRESHOLD
        print(f"{name:<28} {100 * near.mean():>8.1f} %  {stated if stated is not None else '-':>4} %")
    i, j = np.triu_indices(len(rows), 1)
    shared = shared_bits(words, words, rows[i], rows[j])
    twins = similarity(count_bits(words)[rows[i]], count_bits(words)[rows[j]], shared, BITS) >= THRESHOLD
    names = np.array(classes)[rows]
    same = (names[i] == names[j])[twins]
    if len(same):
        print(f"{len(same)} pairs within the set are twins, {100 * same.mean():.1f} % of them of one class")


if __name__ == "__main__":
    main()
