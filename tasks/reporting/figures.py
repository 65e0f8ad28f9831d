"""The pictures that every run keeps in ``figures/``."""

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from PIL import Image

from tasks import tables
from tasks.images import Images, read_images, thumbnails
from tasks.records import SPLITS, Findings, Report
from tasks.reporting import charts
from tasks.reporting.sheets import pictures, sheet

PER_CLASS, ROWS_SHOWN, COLUMNS = 20, 200, 20
CLASSES_SHOWN = 40
SHEET_QUALITY = 85  # of a JPEG
ON_SHEET = 64  # pixels of the longer side of a picture
TITLES = {
    "files": "20 files of each class, as they lie in {}",
    "normalized": "The same images of {}, normalized",
    "rows": "The first 200 rows of {}, with their letters",
    "balance": "Rows of each class, before and after sanitizing",
    "thresholds": "Rows with a twin, by similarity",
    "predictions": "200 answers to test rows; mistakes read: class but answer",
    "learning-curves": "Accuracy by training size",
    "effects": "What the twins did to accuracy, with 95 % intervals",
    "letters": "Accuracy of each class",
    "confusion": "Answers to raw test rows",
    "mistakes": "The most confident mistakes: class but answer, and how sure",
}


def write_figures(found: Findings, report: Report, folder: Path) -> list[tuple[str, str]]:
    """Write all pictures of a run: charts and glyphs as PNG, sheets of photographs as JPEG.

    Returns
    -------
    list of tuple
        File name and title of each, in the order in which people should see them.
    """
    folder.mkdir()
    drawn: dict[str, Image.Image | Figure] = {**_samples(found), **_rows(found)}
    drawn |= {"balance": charts.balance(report), "thresholds": charts.thresholds(report)}
    if found.trained.evaluations:
        drawn |= {
            "learning-curves": charts.learning_curves(report),
            "effects": charts.effects(report),
            "letters": charts.letters(report),
            "confusion": charts.confusion(report),
            "predictions": _predictions(found),
        }
        if report.mistakes:
            drawn["mistakes"] = _mistakes(found, report)
    kind = "jpg" if found.pictures else "png"  # of what shows images
    names = {name: f"{name}.{kind if isinstance(picture, Image.Image) else 'png'}" for name, picture in drawn.items()}
    for name, picture in drawn.items():
        _save(picture, folder / names[name])
    return [(names[name], title_of(name)) for name in drawn]


def title_of(name: str) -> str:
    """Return the title of a figure by its file's name without the ending.

    >>> title_of("rows-test")
    'The first 200 rows of test, with their letters'
    """
    kind, _, of = name.partition("-")
    return TITLES[name] if name in TITLES else TITLES[kind].format(of)


def _samples(found: Findings) -> dict[str, Image.Image]:
    """Return sheets of raw files and of what became of them, a row per class, for each source."""
    sheets = {}
    for role in dict.fromkeys(shard.role for shard in found.shards):
        shards = [shard for shard in found.shards if shard.role == role]
        samples = pa.concat_tables([tables.read(shard.samples) for shard in shards])
        files = [_small(data) for data in samples["file"].to_pylist()]
        gray = [_square(data) for data in samples["gray"].to_pylist()]
        letters = samples["letter"].to_pylist()
        for name, images in (("files", files), ("normalized", gray)):
            sheets[f"{name}-{role}"] = _by_class(images, letters)
    return sheets


def _square(data: bytes) -> Image.Image:
    side = math.isqrt(len(data))
    return Image.frombytes("L", (side, side), data)


def _by_class(images: Sequence[Image.Image], letters: Sequence[str]) -> Image.Image:
    """Return a sheet with a row per class, of many classes the first, the class's name below its first image."""
    cells: list[Image.Image] = []
    words: list[str] = []
    for letter in list(dict.fromkeys(letters))[:CLASSES_SHOWN]:
        own = [image for image, name in zip(images, letters, strict=True) if name == letter]
        blank = [Image.new("L", own[0].size, 255)] * (PER_CLASS - len(own))
        cells += [*own, *blank]
        words += [letter, *[""] * (PER_CLASS - 1)]
    return sheet(cells, words, COLUMNS)


def _rows(found: Findings) -> dict[str, Image.Image]:
    sheets = {}
    for name in SPLITS:
        images = read_images(found.splits[name].files, ROWS_SHOWN)
        if len(images):
            sheets[f"rows-{name}"] = sheet(_shown(found, images), images.letters.to_pylist(), COLUMNS)
    return sheets


def _predictions(found: Findings) -> Image.Image:
    """Return test rows with the answers of the first model, trained on the most rows."""
    images = read_images(found.splits.test.files, ROWS_SHOWN)
    model = found.trained.confusions[0]
    training = next(
        evaluation
        for evaluation in found.trained.evaluations
        if (evaluation.training.model, evaluation.training.rows) == (model.model, model.train_rows)
        and evaluation.training.control == "none"
    )
    answers = tables.read(training.predictions / "test.parquet").slice(0, ROWS_SHOWN)
    predicted = [found.splits.classes[label] for label in answers["predicted"].to_pylist()]
    answered = list(zip(images.letters.to_pylist(), predicted, strict=True))
    words = [one if one == other else f"{one} but {other}" for one, other in answered]
    return sheet(_shown(found, images), words, COLUMNS, [one != other for one, other in answered])


def _mistakes(found: Findings, report: Report) -> Image.Image:
    images = read_images(found.splits.test.files)
    place = {name: row for row, name in enumerate(images.ids.to_pylist())}
    shown = [mistake for mistake in report.mistakes if mistake["model"] == report.mistakes[0]["model"]]
    chosen = images.take(np.array([place[mistake["id"]] for mistake in shown]))
    words = [f"{m['letter']} but {m['predicted']} {m['confidence']:.2f}" for m in shown]
    return sheet(_shown(found, chosen), words, 10)


def _shown(found: Findings, images: Images) -> list[Image.Image]:
    """Return images as people should see them: glyphs as they are, pictures as thumbnails."""
    if not found.pictures:
        return pictures(images.gray)
    seen = thumbnails(found.pictures, ids := images.ids.to_pylist())
    return [_small(seen[name]) for name in ids]


def _small(data: bytes) -> Image.Image:
    """Return a picture's file at the size that it has on a sheet."""
    image = Image.open(io.BytesIO(data), formats=["PNG", "JPEG"])
    image.thumbnail((ON_SHEET, ON_SHEET))
    return image


def _save(picture: Image.Image | Figure, path: Path) -> None:
    """Write a file that depends on nothing but what it shows."""
    if isinstance(picture, Figure):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a class name in a script that the font lacks shows as boxes
            picture.savefig(path, metadata={"Software": None})
    else:
        picture.save(path, optimize=True, quality=SHEET_QUALITY)  # PNG has no quality
