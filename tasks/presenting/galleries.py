"""Duplicates side by side: what a page shows of the images of a run."""

import base64
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from tasks.arrays import Gray
from tasks.presenting.registered import laid_over
from tasks.records import Report
from tasks.records.removed import each_pair_once
from tasks.storage import tables
from tasks.storage.image_files import gray_of
from tasks.storage.place import Place
from tasks.storage.stores import at

PARTS = {"conflicts": 3, "doubtful": 6, "exact": 1, "unconfirmed": 2}  # of the pairs that are shown
PAIRS = {"glyphs": 600, "photographs": 150}  # pairs of a page: about 2 MB
GROUPS, PER_GROUP = 6, 12
JPEG_QUALITY = 85
THUMBNAILS = "thumbnails.parquet"  # of a run of photographs
Row = dict[str, Any]  # of a table


class _Embedded(NamedTuple):
    """An image as the page shows it, and its pixels, uint8 (height, width) or (height, width, 3)."""

    uri: str
    pixels: Gray


def build_galleries(run: Place, report: Report, glyphs: Sequence[Place] | None = None) -> dict[str, Any]:
    """Return the pairs of a run that are worth a look, near duplicates from the least similar on, and large groups.

    ``conflicts``, ``doubtful``, ``exact`` and ``unconfirmed`` are rows of tables of the run, with the images as URIs,
    their difference and, of photographs, the duplicate laid over the row; ``groups`` are lists of such rows of single
    images; ``all`` is whether these are all pairs. `glyphs` are files that hold the images, if not the raw splits.
    """
    pairs, groups, every = _choose(run, report)
    if report.kind == "photographs":
        images = _thumbnails_of(run)
    else:
        gray = gray_of(glyphs or at(run).matching("raw/*.parquet"), _ids(pairs, groups))
        images = {name: _Embedded(_uri(pixels, "png", optimize=True), pixels) for name, pixels in gray.items()}
    shown: dict[str, Any] = {name: _shown(rows, images, report) for name, rows in pairs.items()}
    uris = [[member | {"uri": images[member["id"]].uri} for member in group] for group in groups]
    return shown | {"groups": uris, "all": every}


def shown_ids(run: Place, report: Report) -> list[str]:
    """Return the ids of all images that the galleries of a run show."""
    pairs, groups, _ = _choose(run, report)
    return sorted(_ids(pairs, groups))


def _ids(pairs: dict[str, list[Row]], groups: list[list[Row]]) -> set[str]:
    ids = {row[end] for rows in pairs.values() for row in rows for end in ("id", "twin_id")}
    return ids | {member["id"] for group in groups for member in group}


def uri_of(data: bytes, kind: str = "png") -> str:
    """Return the bytes of a PNG or JPEG as a URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _choose(run: Place, report: Report) -> tuple[dict[str, list[Row]], list[list[Row]], bool]:
    """Return the pairs of each gallery, the members of the largest groups, and whether no pair is left out."""
    removed, conflicts = (_numbered(run, name) for name in ("removed", "label_conflicts"))
    conflicts = each_pair_once(conflicts.filter(conflicts["open"]))
    unconfirmed = conflicts.slice(0, 0)
    if at(run / "unconfirmed.parquet").exists():  # only where there are such rows
        unconfirmed = _numbered(run, "unconfirmed")
    least, most = ([(report.view.column, order), ("id", "ascending")] for order in ("ascending", "descending"))
    every = {
        "conflicts": conflicts.sort_by(most),
        "doubtful": removed.filter(pc.equal(removed["reason"], "near")).sort_by(least),
        "exact": removed.filter(pc.equal(removed["reason"], "exact")).sort_by("id"),
        "unconfirmed": unconfirmed.sort_by(most),
    }
    room = {name: PAIRS[report.kind] * part // sum(PARTS.values()) for name, part in PARTS.items()}
    pairs = {name: table.slice(0, room[name]).to_pylist() for name, table in every.items()}
    return pairs, _largest_groups(removed), all(len(every[name]) <= room[name] for name in every)


def _numbered(run: Place, name: str) -> pa.Table:
    table = tables.read(run / f"{name}.parquet")
    rows = pa.array(np.arange(len(table))).cast(pa.string())
    return table.append_column("place", pc.binary_join_element_wise(f"{name}.parquet", rows, "."))


def _largest_groups(removed: pa.Table) -> list[list[Row]]:
    counts = removed.group_by("twin_id").aggregate([("id", "count")])
    largest = counts.sort_by([("id_count", "descending"), ("twin_id", "ascending")]).slice(0, GROUPS)
    groups = []
    for twin in largest["twin_id"].to_pylist():
        rows = removed.filter(pc.equal(removed["twin_id"], twin)).sort_by("id").slice(0, PER_GROUP - 1).to_pylist()
        kept = {"id": twin, "class_name": rows[0]["twin_class_name"], "split": rows[0]["twin_split"]}
        groups.append([kept, *rows])
    return groups


def _shown(rows: list[Row], images: dict[str, _Embedded], report: Report) -> list[Row]:
    column = report.view.column
    over = [row for row in rows if report.view.on_pixels and row["reason"] != "exact"]
    moved = laid_over(*([images[row[end]].pixels for row in over] for end in ("id", "twin_id")))
    laid = {row["place"]: pixels for row, pixels in zip(over, moved, strict=True)}
    shown = []
    for row in rows:
        one, two, other = images[row["id"]], images[row["twin_id"]], laid.get(row["place"])
        more = {"uri": one.uri, "twin_uri": two.uri, "similarity": row[column], "place": f"{row['place']}.{column}"}
        more |= {"registered": None, "predicted": None}
        if other is not None:
            more["registered"] = _uri(other, "jpeg", quality=JPEG_QUALITY)
            more["predicted"] = report.verdict.predicted_at(row[column])
        second = Image.fromarray(two.pixels if other is None else other)
        stretched = np.asarray(second.resize(one.pixels.shape[1::-1], Image.Resampling.BILINEAR))
        more["difference"] = _uri(report.view.difference(one.pixels, stretched), "png", optimize=True)
        shown.append(row | more)
    return shown


def _uri(pixels: Gray, kind: str, **how: Any) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **how)
    return uri_of(buffer.getvalue(), kind)


def _thumbnails_of(run: Place) -> dict[str, _Embedded]:
    images = {}
    for row in tables.read(run / THUMBNAILS).to_pylist():
        with Image.open(io.BytesIO(row["thumbnail"]), formats=["JPEG"]) as image:
            images[row["id"]] = _Embedded(uri_of(row["thumbnail"], "jpeg"), np.asarray(image.convert("RGB")))
    return images
