"""Twins side by side: what a page shows of the images of a run."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks.arrays import Gray
from tasks.presenting.registered import laid_over
from tasks.records import Report
from tasks.records.removed import each_pair_once
from tasks.records.verdict import Predicted
from tasks.storage import disk, tables
from tasks.storage.image_files import gray_of
from tasks.storage.place import Place

CONFLICTS, DOUBTFUL, EXACT, UNCONFIRMED = 3, 6, 1, 2  # parts of the pairs that are shown
PAIRS = {"glyphs": 600, "photographs": 150}  # pairs of a page: about 2 MB
GROUPS, PER_GROUP = 6, 12
JPEG_QUALITY = 85
THUMBNAILS = "thumbnails.parquet"  # of a run of photographs


@dataclass(frozen=True)
class Shown:
    """An image of a run, and where it stands."""

    id: str
    class_name: str
    split: str
    uri: str  # with the image inside


@dataclass(frozen=True)
class Pair:
    """A row and its twin, and their difference as the view draws it.

    Photographs that are not identical also have the twin laid over the row and what is predicted of such matches.
    """

    row: Shown
    twin: Shown
    registered: str | None
    difference: str
    reason: str
    similarity: float
    place: str  # of the similarity, in the tables of the run
    predicted: Predicted | None


@dataclass(frozen=True)
class Galleries:
    """Pairs in the order in which they should be looked at, and the largest groups; `all` says that no pair is left."""

    conflicts: list[Pair]
    doubtful: list[Pair]
    exact: list[Pair]
    unconfirmed: list[Pair]
    groups: list[list[Shown]]
    all: bool


def build_galleries(run: Place, report: Report, glyphs: Sequence[Place] | None = None) -> Galleries:
    """Choose the pairs of a run that are worth a look: near twins from the least similar on, the largest groups.

    `glyphs` are files that hold its images, by default those of its raw splits.
    """
    chosen, groups, wanted, whole = _choose(run, report)
    names = [f"{name}.parquet" for name in ("label_conflicts", "removed", "removed", "unconfirmed")]
    images = (
        _thumbnails_of(run)
        if report.kind == "photographs"
        else _glyphs_of(glyphs or disk.matching(run, "raw/*.parquet"), wanted)
    )
    conflicts, near, exact, alike = (
        _pairs(table.to_pylist(), images, report, name) for table, name in zip(chosen, names, strict=True)
    )
    shown = [[Shown(*member, images[member[0]].uri) for member in group] for group in groups]
    return Galleries(conflicts, near, exact, alike, groups=shown, all=whole)


def shown_ids(run: Place, report: Report) -> list[str]:
    """Return the ids of all images that the galleries of a run show."""
    return sorted(set(_choose(run, report)[2]))


def uri_of(data: bytes, kind: str = "png") -> str:
    """Return the bytes of a PNG or JPEG as a URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _choose(run: Place, report: Report) -> tuple[list[pa.Table], list[list[tuple[str, str, str]]], list[str], bool]:
    """Return the pairs of each gallery, the largest groups, the ids of all of them, and whether these are all pairs."""
    similarity = report.view.column
    removed, conflicts = (_numbered(tables.read(run / f"{n}.parquet")) for n in ("removed", "label_conflicts"))
    conflicts = each_pair_once(conflicts.filter(conflicts["open"]))
    unconfirmed = run / "unconfirmed.parquet"  # of a run that has such rows
    alike = _numbered(tables.read(unconfirmed)) if disk.exists(unconfirmed) else conflicts.slice(0, 0)
    least, most = ([(similarity, order), ("id", "ascending")] for order in ("ascending", "descending"))
    near = removed.filter(pc.equal(removed["reason"], "near")).sort_by(least)
    exact = removed.filter(pc.equal(removed["reason"], "exact")).sort_by("id")
    every = [conflicts.sort_by(most), near, exact, alike.sort_by(most)]
    parts = CONFLICTS, DOUBTFUL, EXACT, UNCONFIRMED
    most_of = [PAIRS[report.kind] * part // sum(parts) for part in parts]
    chosen = [table.slice(0, count) for table, count in zip(every, most_of, strict=True)]
    groups = _largest_groups(removed)
    wanted = [pair[name] for table in chosen for pair in table.to_pylist() for name in ("id", "twin_id")]
    whole = all(len(some) == len(table) for some, table in zip(chosen, every, strict=True))
    return chosen, groups, [*wanted, *(name for group in groups for name, _, _ in group)], whole


def _numbered(rows: pa.Table) -> pa.Table:
    return rows.append_column("number", pa.array(range(len(rows)), pa.int64()))


def _pairs(rows: list[dict[str, Any]], images: "Images", report: Report, table: str) -> list[Pair]:
    over = [row for row in rows if report.view.on_pixels and row["reason"] != "exact"]
    moved = laid_over(*([images[row[name]].pixels for row in over] for name in ("id", "twin_id")))
    laid = {row["number"]: twin for row, twin in zip(over, moved, strict=True)}
    return [_pair(row, images, report, table, laid.get(row["number"])) for row in rows]


def _pair(row: dict[str, Any], images: "Images", report: Report, table: str, laid: Gray | None) -> Pair:
    one, two, column = images[row["id"]], images[row["twin_id"]], report.view.column
    return Pair(
        row=Shown(row["id"], row["class_name"], row["split"], one.uri),
        twin=Shown(row["twin_id"], row["twin_class_name"], row["twin_split"], two.uri),
        registered=None if laid is None else _jpeg_uri(laid),
        difference=_png_uri(_difference(one.pixels, two.pixels if laid is None else laid, report)),
        reason=row["reason"],
        similarity=row[column],
        place=f"{table}.{row['number']}.{column}",
        predicted=None if laid is None else report.verdict.predicted_at(row[column]),
    )


def _difference(one: Gray, two: Gray, report: Report) -> Gray:
    """Return the difference of two images, the second stretched to the size of the first."""
    other = Image.fromarray(two)
    if one.shape[:2] != two.shape[:2]:
        other = other.resize(one.shape[1::-1], Image.Resampling.BILINEAR)
    return report.view.difference(one, np.asarray(other))


@dataclass(frozen=True)
class _Embedded:
    """An image as the page shows it, and its pixels, uint8 (height, width) or (height, width, 3)."""

    uri: str
    pixels: Gray


Images = dict[str, _Embedded]


def _jpeg_uri(pixels: Gray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return uri_of(buffer.getvalue(), "jpeg")


def _png_uri(pixels: Gray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return uri_of(buffer.getvalue())


def _thumbnails_of(run: Place) -> Images:
    table = tables.read(run / THUMBNAILS)
    images = {}
    for name, data in zip(table["id"].to_pylist(), table["thumbnail"].to_pylist(), strict=True):
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            images[name] = _Embedded(uri_of(data, "jpeg"), np.asarray(image.convert("RGB")))
    return images


def _glyphs_of(files: Sequence[Place], ids: Sequence[str]) -> Images:
    """Return the images of some ids, wherever they are."""
    return {name: _Embedded(_png_uri(gray), gray) for name, gray in gray_of(files, ids).items()}


def _largest_groups(removed: pa.Table) -> list[list[tuple[str, str, str]]]:
    """Return id, class and split of the members of the largest stars, the kept row first."""
    counts = removed.group_by("twin_id").aggregate([("id", "count")])
    largest = counts.sort_by([("id_count", "descending"), ("twin_id", "ascending")]).slice(0, GROUPS)
    groups = []
    for twin in largest["twin_id"].to_pylist():
        rows = removed.filter(pc.equal(removed["twin_id"], twin)).sort_by("id").slice(0, PER_GROUP - 1).to_pylist()
        star = (twin, rows[0]["twin_class_name"], rows[0]["twin_split"])
        groups.append([star, *((row["id"], row["class_name"], row["split"]) for row in rows)])
    return groups
