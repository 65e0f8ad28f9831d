"""Duplicates as the page shows them: pictures, each with the images that repeat it; photographs also aligned."""

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks.arrays import Gray, Pixels
from tasks.kernel import SIDE
from tasks.records import Report
from tasks.registration.align import register
from tasks.registration.warp import warped
from tasks.storage import Place, at, tables
from tasks.storage.image_files import gray_of
from tasks.storage.images import as_file

PARTS = {"conflict": 3, "near": 6, "undecided": 2, "exact": 1}  # of the pairs, in this order
SUBJECTS = 24  # pairs of one subject
PAIRS = {"glyphs": 600, "photographs": 150}  # of a page: about 2 MB
THUMBNAILS = "thumbnails.parquet"  # of a run of photographs
ENDS = (("id", "twin_id"), ("split", "twin_split"), ("class_name", "twin_class_name"))  # columns of the two images
AT_A_TIME = 16  # pairs: numpy takes as long for one
SHOWN_SIDE = 96  # pixels of the square for aligned images
NOTHING_THERE = 235  # gray outside the aligned image
Row = dict[str, Any]  # of a table


class _Embedded(NamedTuple):
    """An image as the page shows it, and its pixels, uint8 (height, width) or (height, width, 3)."""

    uri: str
    pixels: Gray


def build_gallery(run: Place, report: Report) -> tuple[list[Row], bool]:
    """Return pictures with the images that repeat them, and whether the gallery shows all pairs of the run.

    Pictures of label conflicts come first, then the least similar duplicates, undecided and identical images. Each has
    ``id``, ``split``, ``class_name``, ``uri``, ``goes``, ``subject`` and ``others``. An image of ``others`` also has
    the ``kind`` and ``similarity`` of its pair, and of photographs ``over``, the URI of the picture aligned with it.
    """
    pairs, every = _pairs_of(run, report)
    if report.kind == "photographs":
        images = _thumbnails_of(run)
    else:
        gray = gray_of(at(run).matching("raw/*.parquet"), _ids(pairs))
        images = {name: _Embedded(encoded(pixels, "png", optimize=True), pixels) for name, pixels in gray.items()}
    pictures: dict[tuple[str, bool], Row] = {}
    for row in _with_images(pairs, images, report):
        name, subject = row["picture"]["id"], row["kind"] == "subject"
        picture = row["picture"] | {"uri": images[name].uri, "subject": subject, "others": []}
        pictures.setdefault((name, subject), picture)["others"].append(row)
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


def _with_images(pairs: list[Row], images: dict[str, _Embedded], report: Report) -> list[Row]:
    column, on_pixels = report.view.column, report.view.on_pixels
    moving = [row for row in pairs if on_pixels and row.get("reason", "exact") != "exact"]
    moved = laid_over(*([images[row[end]].pixels for row in moving] for end in ENDS[0]))
    over = {row["place"]: encoded(pixels, "jpeg", quality=85) for row, pixels in zip(moving, moved, strict=True)}
    return [
        row
        | {"uri": images[row["id"]].uri, "over": over.get(row["place"]), "similarity": row[measured]}
        | {"place": f"{row['place']}.{measured}"}
        | {"predicted": report.verdict.predicted_at(row[column]) if row["place"] in over else None}
        for row in pairs
        for measured in ["cosine" if row["kind"] == "subject" else column]
    ]


def _thumbnails_of(run: Place) -> dict[str, _Embedded]:
    images = {}
    for row in tables.read(run / THUMBNAILS).to_pylist():
        with Image.open(io.BytesIO(row["thumbnail"]), formats=["JPEG"]) as image:
            images[row["id"]] = _Embedded(uri_of(row["thumbnail"], "jpeg"), np.asarray(image.convert("RGB")))
    return images


def laid_over(rows: Sequence[Gray], duplicates: Sequence[Gray]) -> list[Gray]:
    """Return each duplicate aligned with the row at its place, in the row's shape; uint8 (height, width, 3)."""
    found: list[Gray] = []
    for start in range(0, len(rows), AT_A_TIME):
        some, others = rows[start : start + AT_A_TIME], duplicates[start : start + AT_A_TIME]
        maps = register(_copies(some), _copies(others))
        squares = np.stack([_resized(other, SHOWN_SIDE, SHOWN_SIDE) for other in others])
        channels = squares.transpose(0, 3, 1, 2).reshape(-1, SHOWN_SIDE, SHOWN_SIDE).astype(np.float32)
        values, inside = warped(channels, np.repeat(maps, squares.shape[3], axis=0))
        values[~inside] = NOTHING_THERE
        moved = np.rint(values).astype(np.uint8).reshape(len(some), -1, SHOWN_SIDE, SHOWN_SIDE).transpose(0, 2, 3, 1)
        pairs = zip(some, np.ascontiguousarray(moved), strict=True)
        found += [_resized(picture, row.shape[1], row.shape[0]) for row, picture in pairs]
    return found


def map_over(row: Gray, duplicate: Gray) -> list[float]:
    """Return the six numbers of the map that aligns a duplicate with a row, from gray copies, uint8 (1, 64, 64)."""
    return register(row.astype(np.float32), duplicate.astype(np.float32))[0].ravel().tolist()


def _copies(pictures: Sequence[Gray]) -> Pixels:
    grays = [Image.fromarray(one).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for one in pictures]
    return np.stack([np.asarray(gray) for gray in grays]).astype(np.float32)


def _resized(picture: Gray, width: int, height: int) -> Gray:
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
