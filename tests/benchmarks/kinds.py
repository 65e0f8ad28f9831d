"""Which kinds of changed copies are found: ``python -m tests.benchmarks.kinds [--write]``.

Changed copies of 40 pictures of train are added to 60 other pictures of test, for each kind of change, and the set is
audited in the usual way. Photographs have one of four sizes; glyphs of notMNIST have 28 pixels. The output is the
percent of copies that are duplicates, and that are undecided. With ``--write``, it goes to
`tasks/reporting/kinds.yaml`, which every report uses, and to `docs/kinds.md`, with the false duplicates among look-
alikes.
"""

import argparse
import os
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
import pyarrow.parquet as pq
import yaml
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from prefect.testing.utilities import prefect_test_harness

from flows.pipeline import audit
from tasks.records import Report
from tests.benchmarks import lookalikes
from tests.benchmarks.photos import (
    Change,
    barred,
    blurred,
    covered,
    cropped,
    framed,
    jpeg,
    logo,
    moved,
    turned,
    watermarked,
)
from tests.build import ROOT, SHARED, saved
from tests.real import read_gray

EACH, OTHERS, TRAIN = 40, 60, 200
SIZES, GLYPH = (32, 64, 224, 500), 28
PHOTOGRAPHS, LETTERS = SHARED / "data" / "photographs.tar", SHARED / "data" / "notmnist_real_5k.tar.gz"
TABLE, PAGE = ROOT / "tasks" / "reporting" / "kinds.yaml", ROOT / "docs" / "kinds.md"
Pictures = list[Image.Image]
Shares = list[int]  # percent found, and percent undecided


def smaller(share: float) -> Change:
    """Store a picture with a share of its width and height."""
    return lambda one: one.resize((round(one.width * share), round(one.height * share)), Image.Resampling.BICUBIC)


def squeezed(share: float) -> Change:
    """Store a picture with a share of its width."""
    return lambda one: one.resize((round(one.width * share), one.height), Image.Resampling.BICUBIC)


def noisy(one: Image.Image) -> Image.Image:
    """Add noise with a standard deviation of 10 gray levels."""
    pixels = np.asarray(one, np.float64)
    noise = np.random.default_rng(0).normal(0, 10, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def laid_out(one: Image.Image) -> Image.Image:
    """Put a picture into a collage with three plain gradients of its size."""
    sheet = Image.new(one.mode, (2 * one.width, 2 * one.height))
    for number, (x, y) in enumerate(((0, 0), (one.width, 0), (0, one.height))):
        other = ImageOps.expand(Image.linear_gradient("L").rotate(90 * number).resize(one.size), 0).convert(one.mode)
        sheet.paste(other, (x, y))
    sheet.paste(one, one.size)
    return sheet


def photographed(one: Image.Image) -> Image.Image:
    """Put a picture on a page with a dark bar above and lines of text below, as in a screenshot."""
    page = Image.new("RGB", (round(1.4 * one.width), round(1.8 * one.height)), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, page.height // 12), fill=(50, 60, 80))
    for line in range(6):
        top = round(one.height * (1.25 + 0.08 * line))
        draw.rectangle((one.width // 5, top, one.width // 5 + one.width * (9 - line % 3) // 9, top + 2), fill="gray")
    page.paste(one, (one.width // 5, page.height // 8))
    return page


def transposed(how: Image.Transpose) -> Change:
    return lambda one: one.transpose(how)


def flipped(share: float) -> Change:
    """Invert a share of the pixels of a glyph."""

    def change(one: Image.Image) -> Image.Image:
        pixels = np.asarray(one.convert("L")).copy()
        some = np.random.default_rng(pixels.sum()).permutation(pixels.size)[: round(share * pixels.size)]
        pixels.flat[some] = 255 - pixels.flat[some]
        return Image.fromarray(pixels)

    return change


def shifted(pixels: int) -> Change:
    """Move a glyph to the right and down; the other edges become black."""
    return lambda one: ImageOps.expand(one, (pixels, pixels, 0, 0)).crop((0, 0, *one.size))


TURNS: dict[str, Change] = {
    "mirrored": transposed(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": transposed(Image.Transpose.FLIP_TOP_BOTTOM),
    "turned by 90 degrees": transposed(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": transposed(Image.Transpose.ROTATE_180),
    "negative": ImageOps.invert,
}
OF_PHOTOGRAPHS: dict[str, Change] = {
    "stored as JPEG 75": jpeg(75), "stored as JPEG 30": jpeg(30), "stored as JPEG 10": jpeg(10),
    "half as large": smaller(0.5), "a quarter as large": smaller(0.25), "squeezed to 0.7 of the width": squeezed(0.7),
    "blurred by 1/64 of the side": blurred(1 / 64), "blurred by 1/32 of the side": blurred(1 / 32), "noisy": noisy,
    "brighter by 20 %": lambda one: ImageEnhance.Brightness(one).enhance(1.2),
    "darker by 40 %": lambda one: ImageEnhance.Brightness(one).enhance(0.6),
    "of less contrast": lambda one: ImageEnhance.Contrast(one).enhance(0.6),
    "gray": lambda one: one.convert("L").convert("RGB"),
    "cropped by 5 %": cropped(0.05), "cropped by 10 %": cropped(0.1), "cropped by 20 %": cropped(0.2),
    "cropped by 40 %": cropped(0.4), "moved by 1/16": moved(1 / 16), "moved by 1/5": moved(1 / 5),
    "turned by 3 degrees": turned(3), "turned by 10 degrees": turned(10), "turned by 45 degrees": turned(45),
    **TURNS, "transposed": transposed(Image.Transpose.TRANSPOSE),
    "in bars": barred, "in a white frame": framed, "with a watermark": watermarked, "with a logo": logo,
    "with a caption": covered(0, 7 / 8, 1, 1, "black", "a caption"),
    "with a part covered": covered(1 / 3, 1 / 3, 7 / 12, 7 / 12, "gray"),
    "in a collage": laid_out, "in a screenshot": photographed,
}  # fmt: skip
OF_GLYPHS: dict[str, Change] = {
    "inverted in 0.5 % of the pixels": flipped(0.005), "inverted in 1 % of the pixels": flipped(0.01),
    "inverted in 3 % of the pixels": flipped(0.03), "stored as JPEG 75": jpeg(75), "noisy": noisy,
    "of less contrast": lambda one: ImageEnhance.Contrast(one).enhance(0.8),
    "moved by a pixel": shifted(1), "turned by 5 degrees": lambda one: one.rotate(5, Image.Resampling.BICUBIC),
    "half as large": lambda one: smaller(0.5)(one).resize(one.size, Image.Resampling.BICUBIC), **TURNS,
}  # fmt: skip


def photographs(size: int) -> Pictures:
    """Return photographs whose shorter side has a number of pixels."""
    with tarfile.open(PHOTOGRAPHS) as tar:
        members = sorted((member for member in tar if member.isfile()), key=lambda one: one.name)
        found = []
        for member in members[: TRAIN + OTHERS]:
            with Image.open(tar.extractfile(member)) as image:  # type: ignore[arg-type]  # a file
                share = size / min(image.size)
                found.append(image.convert("RGB").resize([round(share * side) for side in image.size]))
    return found


def letters(_size: int) -> Pictures:
    """Return different glyphs, from notMNIST."""
    every = np.unique(read_gray(LETTERS), axis=0)
    order = np.random.default_rng(0).permutation(len(every))[: TRAIN + OTHERS]
    return [Image.fromarray(every[number]) for number in order.tolist()]


def audited(pictures: Pictures, change: Change | None, folder: Path, name: str, **asked: Any) -> Shares:
    """Audit 40 changed copies among other pictures; return the percent found, and undecided."""
    ending = "png" if pictures[0].size == (GLYPH, GLYPH) else "jpg"
    for number, picture in enumerate(pictures):
        split = "train" if number < TRAIN else f"test-{name}"
        _put(folder / split / "ab"[number % 2] / f"{number}.{ending}", picture)
    for number in range(EACH if change else 0):
        assert change is not None
        changed = change(pictures[number * 5]).convert(pictures[0].mode)
        _put(folder / f"test-{name}" / "ab"[number % 2] / f"copy{number}.{ending}", changed)
    given: dict[str, Any] = {"train": str(folder / "train"), "test": str(folder / f"test-{name}"), **asked}
    report = audit(**given, workspace=folder / "w")
    return [round(100 * len(some) / EACH) for some in _states(report)]


def _put(path: Path, picture: Image.Image) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(saved(picture, "PNG") if path.suffix == ".png" else saved(picture, "JPEG", quality=92))


def _states(report: Report) -> tuple[set[str], set[str]]:
    """Return the ids of copies that are duplicates, also of other forms, and that are undecided."""
    found, varied, unsure = (
        {name for name in pq.read_table(place)["id"].to_pylist() if "/copy" in name} if place.exists() else set()
        for place in (report.run / f"{table}.parquet" for table in ("removed", "variants", "unconfirmed"))
    )
    return found | varied, unsure - found - varied


def measure(
    changes: dict[str, Change], sizes: Sequence[int], of: Callable[[int], Pictures], **asked: Any
) -> dict[str, dict[int, Shares]]:
    """Return the shares of all kinds of changes for all sizes."""
    found: dict[str, dict[int, Shares]] = {kind: {} for kind in changes}
    for size in sizes:
        pictures = of(size)
        with tempfile.TemporaryDirectory() as folder:
            for number, (kind, change) in enumerate(changes.items()):
                found[kind][size] = audited(pictures, change, Path(folder), str(number), **asked)
                print(f"{size:>4} {kind:<36}{found[kind][size][0]:>4} + {found[kind][size][1]}", flush=True)
    return found


def false_duplicates(rows: int) -> dict[str, Shares]:
    """Return the percent of different pictures of one kind that are called duplicates, and that are undecided."""
    found = {}
    for kind in lookalikes.KINDS:
        with tempfile.TemporaryDirectory() as folder:
            splits: dict[str, Any] = lookalikes.write(kind, rows, Path(folder))
            pair = audit(**splits, workspace=Path(folder) / "w").pair("test", "train")
            found[kind] = [round(100 * count / pair.rows) for count in (pair.either, pair.undecided)]
            print(f"     {kind:<36}{found[kind][0]:>4} + {found[kind][1]}", flush=True)
    return found


def page_of(table: dict[str, Any], wrong: dict[str, Shares]) -> str:
    """Return the page with the table."""

    def cell(shares: Shares) -> str:
        return f"{shares[0]} + {shares[1]}" if shares[1] else str(shares[0])

    lines = [
        "# Which copies are found",
        "",
        "A search finds the kinds of copies that it was made for. `python -m tests.benchmarks.kinds --write` measures",
        "them, and writes this page and the table that every report uses. The answer of a run names the kinds that are",
        "mostly missed in images of its size. Each number is the percent of 40 changed copies that are duplicates, and",
        "after a plus the percent that are undecided; 60 other images are in test, and 200 in train.",
        "",
        "## Photographs",
        "",
        "| copies | " + " | ".join(f"{size} pixels" for size in SIZES) + " |",
        "|---" * (1 + len(SIZES)) + "|",
        *(f"| {kind} | {' | '.join(map(cell, of.values()))} |" for kind, of in table["photo"].items()),
        *(
            f"| {kind}, with `--also {kind}` | {' | '.join(map(cell, of.values()))} |"
            for kind, of in table["also"].items()
        ),
        "",
        "The shorter side has this number of pixels. Sets of similar images, such as scans, have other thresholds, and",
        "fewer of their weak copies are found ([photos.md](photos.md#what-is-recognized)).",
        "",
        "## Glyphs of 28 pixels",
        "",
        "| copies | found |",
        "|---|---|",
        *(f"| {kind} | {cell(of[GLYPH])} |" for kind, of in table["ink"].items()),
        "",
        "## Look-alikes",
        "",
        "Different images of one kind, 200 pixels a side: no duplicate is right.",
        "",
        "| kind | called duplicates, or + undecided |",
        "|---|---|",
        *(f"| {kind} | {cell(shares)} |" for kind, shares in wrong.items()),
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the shares of all kinds, and write them if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rows", type=int, default=200, help="test rows of each kind of look-alikes")
    given = parser.parse_args(arguments)
    if not (PHOTOGRAPHS.exists() and LETTERS.exists()):
        print(f"skipped: {PHOTOGRAPHS} or {LETTERS} is not there")
        return
    with prefect_test_harness(server_startup_timeout=90):
        mirrored = {"mirrored": TURNS["mirrored"]}
        table = {
            "photo": measure(OF_PHOTOGRAPHS, SIZES, photographs),
            "also": measure(mirrored, SIZES, photographs, also=("mirrored",)),
            "ink": measure(OF_GLYPHS, (GLYPH,), letters),
        }
        wrong = false_duplicates(given.rows)
    if given.write:
        about = (
            "# Percent of changed copies found, and undecided, by kind and size: `python -m tests.benchmarks.kinds`.\n"
        )
        TABLE.write_text(about + yaml.safe_dump(table, sort_keys=False, default_flow_style=None))
        PAGE.write_text(page_of(table, wrong))


if __name__ == "__main__":
    main()
