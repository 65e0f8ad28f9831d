"""The figures of a run in ``figures/``: charts as PNG, sheets of photographs as JPEG, of glyphs as PNG."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from tasks.presenting import charts
from tasks.presenting.words import title_of
from tasks.records import Findings, Report
from tasks.storage import Place, disk, tables
from tasks.storage.image_files import read_ids, take_images, thumbnails
from tasks.storage.images import ImageRows, as_file
from tasks.vocabulary import SPLITS

PER_CLASS, ROWS_SHOWN, COLUMNS = 20, 200, 20
CLASSES_SHOWN = 40
ON_SHEET = 64  # pixels of the longer side of a photograph
PAPER, INK = (255, 255, 255), (51, 51, 51)
GAP, TEXT_SIZE = 6, 13
SMALLEST = 42  # pixels: least length of the longer side of a shown image


def write_figures(found: Findings, report: Report, workspace: Place, folder: Place) -> list[tuple[str, str]]:
    """Write all figures of a run that have data; return file name and title of each, in order of presentation."""
    drawn: dict[str, Image.Image | Figure] = {**_samples(found, workspace), **_rows(found, workspace)}
    if report.rows != report.sanitized.near:
        drawn["balance"] = charts.balance(report)
    if any(entry.rows for entry in report.overlap_by_threshold):
        drawn["thresholds"] = charts.thresholds(report)
    if report.view.on_pixels and any(point.rows for point in report.verdict.curve):
        drawn["precision"] = charts.precision(report)
    if len({score.train_rows for score in report.scores}) > 1:
        drawn["learning-curves"] = charts.learning_curves(report)
    if any(effect.points is not None for effect in report.effects):
        drawn["effects"] = charts.effects(report)
    if report.scores:
        drawn["confusion"] = charts.confusion(report)
    if report.mistakes:
        drawn["mistakes"] = _mistakes(found, report, workspace)
    disk.make_folder(folder)
    written = []
    for name, figure in drawn.items():
        image = _drawn(figure) if isinstance(figure, Figure) else figure
        form, kind = ("JPEG", "jpg") if report.kind == "photographs" and image is figure else ("PNG", "png")
        # Optimizing a PNG takes five times as long and saves 1 %; level 4 takes half as long as 6 and costs 3 %.
        data = as_file(image, form, optimize=form == "JPEG", quality=85, compress_level=4)
        disk.write_bytes(folder / f"{name}.{kind}", data)
        written.append((f"{name}.{kind}", title_of(name)))
    return written


def sheet(images: Sequence[Image.Image], words: Sequence[str], columns: int) -> Image.Image:
    """Arrange images of any size in rows, each with a word below; small ones are enlarged by an integer factor.

    Empty words take no room.
    """
    font = ImageFont.load_default(TEXT_SIZE)
    cells, words = [_enlarged(image) for image in images], [charts.shortened(word) for word in words]
    widths = [cell.width for cell in cells] + [int(font.getlength(word)) + 1 for word in words]
    width = max([*widths, SMALLEST]) + GAP
    height = max([cell.height for cell in cells] + [SMALLEST]) + GAP + (TEXT_SIZE + 3 if any(words) else 0)
    rows = max(1, -(-len(cells) // columns))
    canvas = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    for number, (cell, word) in enumerate(zip(cells, words, strict=True)):
        left, top = GAP + number % columns * width, GAP + number // columns * height
        canvas.paste(cell, (left + (width - GAP - cell.width) // 2, top))
        draw.text((left + (width - GAP) // 2, top + height - GAP), word, fill=INK, font=font, anchor="mb")
    return canvas


def _samples(found: Findings, workspace: Place) -> dict[str, Image.Image]:
    """Return sheets of raw files and of the normalized images, a row per class, for each source."""
    sheets = {}
    for role in dict.fromkeys(shard.role for shard in found.shards):
        shards = [shard for shard in found.shards if shard.role == role][:CLASSES_SHOWN]  # each has at least one class
        samples = pa.concat_tables([tables.read(workspace / shard.samples) for shard in shards])
        shown = pc.unique(samples["class_name"])[:CLASSES_SHOWN]
        samples = samples.filter(pc.is_in(samples["class_name"], shown))
        class_names, grays = samples["class_name"].to_pylist(), samples["gray"].to_pylist()
        squares = [Image.frombytes("L", (math.isqrt(len(gray)),) * 2, gray) for gray in grays]
        sheets[f"files-{role}"] = _by_class(list(map(_small, samples["file"].to_pylist())), class_names)
        sheets[f"normalized-{role}"] = _by_class(squares, class_names)
    return sheets


def _by_class(images: Sequence[Image.Image], class_names: Sequence[str]) -> Image.Image:
    """Return a sheet with one row per class, and the class's name below its first image."""
    cells, words = list[Image.Image](), list[str]()
    for class_name in dict.fromkeys(class_names):
        own = [image for image, name in zip(images, class_names, strict=True) if name == class_name][:PER_CLASS]
        cells += [*own, *[Image.new("L", own[0].size, 255)] * (PER_CLASS - len(own))]
        words += [class_name, *[""] * (PER_CLASS - 1)]
    return sheet(cells, words, PER_CLASS)


def _rows(found: Findings, workspace: Place) -> dict[str, Image.Image]:
    sheets = {}
    for name in SPLITS:
        shown = np.arange(min(found.splits[name].rows, ROWS_SHOWN))
        images = take_images(found.splits[name].places(workspace), shown)
        if len(images):
            sheets[f"rows-{name}"] = sheet(_shown(found, images, workspace), images.class_names.to_pylist(), COLUMNS)
    return sheets


def _mistakes(found: Findings, report: Report, workspace: Place) -> Image.Image:
    files = found.splits.test.places(workspace)
    mistakes = [mistake for mistake in report.mistakes if mistake.model == report.mistakes[0].model]
    rows = pc.index_in(pa.array([mistake.id for mistake in mistakes]), value_set=read_ids(files)).to_numpy()
    words = [f"{m.class_name} but {m.predicted} {m.confidence:.2f}" for m in mistakes]
    return sheet(_shown(found, take_images(files, rows), workspace), words, 10)


def _shown(found: Findings, images: ImageRows, workspace: Place) -> list[Image.Image]:
    """Return images for display: glyphs unchanged, photographs as thumbnails."""
    if found.reading.kind == "glyphs":
        return list(map(Image.fromarray, images.gray))
    seen = thumbnails([workspace / name for name in found.photographs], ids := images.ids.to_pylist())
    return [_small(seen[name]) for name in ids]


def _small(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])
    image.thumbnail((ON_SHEET, ON_SHEET), Image.Resampling.BILINEAR, reducing_gap=1.0)
    return image


def _drawn(chart: Figure) -> Image.Image:
    """Return a chart as pixels, which draws it once; saving with matplotlib draws it twice."""
    canvas: Any = FigureCanvasAgg(chart)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class name in a script that the font lacks shows as boxes
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _enlarged(image: Image.Image) -> Image.Image:
    factor = max(1, -(-SMALLEST // max(image.size)))
    return image.convert("RGB").resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
