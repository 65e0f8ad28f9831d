"""Duplicates as the page shows them: pictures, each with the images that repeat it; photographs also aligned."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks.arrays import Gray, Pixels
from tasks.kernel import SIDE
from tasks.records import Report
from tasks.registration.maps import best_maps
from tasks.storage import Place, at, tables
from tasks.storage.image_files import gray_of
from tasks.storage.images import as_file

PARTS = {"conflict": 3, "near": 6, "undecided": 2, "exact": 1}  # of the pairs, in this order
SUBJECTS = 24  # pairs of one subject
PAIRS = {"glyphs": 600, "photographs": 150}  # of a page: about 2 MB
THUMBNAILS = "thumbnails.parquet"  # of a run of photographs
ENDS = (("id", "twin_id"), ("split", "twin_split"), ("class_name", "twin_class_name"))  # columns of the two images
Row = dict[str, Any]  # of a table


def build_gallery(run: Place, report: Report) -> tuple[list[Row], bool]:
    """Return pictures with the images that repeat them, and whether the gallery shows all pairs of the run.

    Pictures of label conflicts come first, then the least similar duplicates, undecided and identical images. Each has
    ``id``, ``split``, ``class_name``, ``uri``, ``goes``, ``subject`` and ``others``. An image of ``others`` also has
    the ``kind`` and ``similarity`` of its pair, and of photographs ``over``, the transform of the picture over it.
    """
    pairs, every = _pairs_of(run, report)
    over = dict[str, str]()
    if report.kind == "photographs":
        shown = {row["id"]: row["thumbnail"] for row in tables.read(run / THUMBNAILS).to_pylist()}
        uris, over = {name: uri_of(data, "jpeg") for name, data in shown.items()}, _transforms(pairs, shown)
    else:
        gray = gray_of(at(run).matching("raw/*.parquet"), _ids(pairs))
        uris = {name: encoded(pixels, "png", optimize=True) for name, pixels in gray.items()}
    pictures: dict[tuple[str, bool], Row] = {}
    for row in pairs:
        name, subject = row["picture"]["id"], row["kind"] == "subject"
        picture = row["picture"] | {"uri": uris[name], "subject": subject, "others": []}
        measured = "cosine" if subject else report.view.column
        other = row | {"uri": uris[row["id"]], "over": over.get(row["place"]), "similarity": row[measured]}
        predicted = report.verdict.predicted_at(row[measured], row["kind"] == "undecided") if other["over"] else None
        other |= {"place": f"{row['place']}.{measured}", "predicted": predicted}
        pictures.setdefault((name, subject), picture)["others"].append(other)
    return list(pictures.values()), every


def shown_ids(run: Place, report: Report) -> list[str]:
    """Return the ids of all images in the gallery of a run."""
    return sorted(_ids(_pairs_of(run, report)[0]))


def uri_of(data: bytes, kind: str = "png") -> str:
    """Return the bytes of a PNG or JPEG as a URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def encoded(pixels: Gray, kind: str, **how: Any) -> str:
    """Return an image as the URI of a PNG or JPEG."""
    return uri_of(as_file(Image.fromarray(pixels), kind, **how), kind)


def _ids(pairs: Iterable[Row]) -> set[str]:
    return {name for row in pairs for name in (row["id"], row["twin_id"], row["picture"]["id"])}


def _pairs_of(run: Place, report: Report) -> tuple[list[Row], bool]:
    """Return the pairs of the gallery, each once and with its kind, and whether no pair is left out."""
    removed, conflicts = (_numbered(run, name) for name in ("removed", "label_conflicts"))
    undecided = at(run / "unconfirmed.parquet").exists()
    unconfirmed = _numbered(run, "unconfirmed") if undecided else removed.slice(0, 0)
    least, most = ([(report.view.column, order), ("id", "ascending")] for order in ("ascending", "descending"))
    found = {
        "conflict": _each_pair_once(conflicts.filter(conflicts["open"])).sort_by(most),
        "near": removed.filter(pc.equal(removed["reason"], "near")).sort_by(least),
        "undecided": unconfirmed.sort_by(most),
        "exact": removed.filter(pc.equal(removed["reason"], "exact")).sort_by("id"),
    }
    room = {kind: PAIRS[report.kind] * part // sum(PARTS.values()) for kind, part in PARTS.items()}
    gone = {row["id"]: {of: row[twin] for of, twin in ENDS} for row in removed.to_pylist()}
    pairs: dict[frozenset[str], Row] = {}
    for kind, table in found.items():
        for row in table.slice(0, room[kind]).to_pylist():
            pairs.setdefault(frozenset(row[end] for end in ENDS[0]), _oriented(row | {"kind": kind}, gone))
    every = all(len(table) <= room[kind] for kind, table in found.items())
    subjects = _numbered(run, "same_subject").slice(0, SUBJECTS).to_pylist() if report.same_subject else []
    return [*pairs.values(), *(_oriented(row | {"kind": "subject"}, gone) for row in subjects)], every


def _each_pair_once(table: pa.Table) -> pa.Table:
    """Return the rows of a table without repetitions of a pair of images, in whichever order."""
    ends = [find(table["id"], table["twin_id"]) for find in (pc.min_element_wise, pc.max_element_wise)]
    pairs = pa.table([*ends, pa.array(range(len(table)), pa.int64())], names=["one", "other", "row"])
    return table.take(pairs.group_by(["one", "other"]).aggregate([("row", "min")])["row_min"].sort())


def _numbered(run: Place, name: str) -> pa.Table:
    table = tables.read(run / f"{name}.parquet")
    rows = pa.array(np.arange(len(table))).cast(pa.string())
    return table.append_column("place", pc.binary_join_element_wise(f"{name}.parquet", rows, "."))


def _oriented(row: Row, gone: dict[str, Row]) -> Row:
    """Return a pair with its picture: the second image, or the image that stays instead of that.

    `gone` has the duplicate of each image that goes. A label conflict or a subject keeps its own two images.
    """
    conflict = row["kind"] in ("conflict", "subject")
    if conflict and row["twin_id"] in gone and row["id"] not in gone:
        row |= {name: row[other] for ends in ENDS for name, other in (ends, ends[::-1])}
    picture, passed = {of: row[twin] for of, twin in ENDS}, {row["id"]}
    while not conflict and picture["id"] in gone.keys() - passed:
        passed.add(picture["id"])
        picture = gone[picture["id"]]
    return row | {"goes": row["id"] in gone, "picture": picture | {"goes": picture["id"] in gone}}


def _transforms(pairs: list[Row], thumbnails: dict[str, bytes]) -> dict[str, str]:
    """Return by place of each pair of different photographs the transform that lays its picture over the other one."""
    moving = [row for row in pairs if row.get("reason", "exact") != "exact"]
    copies, aspects = [], []
    for names in ([row["id"] for row in moving], [row["picture"]["id"] for row in moving]):
        images = [Image.open(io.BytesIO(thumbnails[name]), formats=["JPEG"]) for name in names]
        resized = [image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images]
        copies.append(np.array([np.asarray(gray) for gray in resized], np.uint8).reshape(-1, SIDE, SIDE))
        aspects.append(np.array([image.width / image.height for image in images]))
    return dict(zip((row["place"] for row in moving), transforms_over(copies, aspects), strict=True))


def transforms_over(copies: Sequence[Gray], aspects: Sequence[Pixels]) -> list[str]:
    """Return the CSS transform that lays the second image of each pair over the first, if both have the first's shape.

    Gray copies of the first images and of the second are uint8 (n, 64, 64), and their widths over heights float (n,).
    """
    found = []
    for ((a, b, e), (c, d, f)), ratio in zip(best_maps(copies, aspects).tolist(), aspects[0].tolist(), strict=True):
        unit = a * d - b * c
        moved = f"translate({50 * (b * f - d * e) / unit:.2f}%, {50 * (c * e - a * f) / unit:.2f}%)"
        turned = (d / unit, -c / unit / ratio, -b / unit * ratio, a / unit)
        found.append(f"{moved} matrix({', '.join(f'{value:.4f}' for value in turned)}, 0, 0)")
    return found
