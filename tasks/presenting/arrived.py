"""The page of a batch: its numbers, its duplicates, and the earlier batches."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import numpy as np
import pyarrow.compute as pc

from tasks.presenting.gallery import encoded, uri_of
from tasks.presenting.page import render
from tasks.records import Prints, Shard
from tasks.records.references import Arrived, Reference, Result
from tasks.storage import tables
from tasks.storage.copies import Copies
from tasks.storage.image_files import gray_of, thumbnails
from tasks.storage.place import Place
from tasks.vocabulary import UNLABELLED

SHOWN = 60  # images of each result
KINDS: tuple[Result, ...] = ("conflicting", "undecided", "duplicate", "known")  # in the order of the page
Row = dict[str, Any]  # of the table of a batch


def build_arrived(
    arrived: Arrived, rows: Sequence[Row], references: Sequence[Reference], shards: Sequence[Shard], workspace: Place
) -> str:
    """Return the page of a batch, with the first images of each result but new, and their duplicates."""
    shown = [row for kind in KINDS for row in [row for row in rows if row["result"] == kind][:SHOWN]]
    wanted: dict[str | None, set[str]] = {None: {row["id"] for row in shown}}
    for row in shown:
        wanted.setdefault(row["segment"], set()).add(row["twin_id"])
    parts = {part.id: part.prints for reference in references for part in reference.live}
    uris: dict[str | None, dict[str, str]] = {
        part: _of_segment(parts[part], ids, workspace) for part, ids in wanted.items() if part
    }
    uris[None] = _of_batch(shards, wanted[None], bool(references[0].live[0].prints.copies), workspace)
    pictures = [row | {"uri": uris[None][row["id"]], "other": uris[row["segment"]][row["twin_id"]]} for row in shown]
    about = {"reference": references[0], "results": get_args(Result), "unlabelled": UNLABELLED}
    return render("arrived.html.jinja", arrived=arrived, pictures=pictures, **about)


def _of_batch(shards: Sequence[Shard], ids: Iterable[str], photographs: bool, workspace: Place) -> dict[str, str]:
    """Return images of a batch as URIs, by id."""
    if photographs:
        found = thumbnails([workspace / shard.photographs for shard in shards], ids)
        return {name: uri_of(data, "jpeg") for name, data in found.items()}
    images = gray_of([workspace / shard.images for shard in shards], ids)
    return {name: encoded(gray, "png") for name, gray in images.items()}


def _of_segment(prints: Prints, ids: Iterable[str], workspace: Place) -> dict[str, str]:
    """Return images of a segment as URIs, by id: the gray copies of photographs, and the ink of glyphs."""
    rows = tables.read(workspace / prints.table, filters=pc.field("id").isin(list(ids)))
    if prints.copies:
        files = [workspace / file for file in prints.copies]
        gray = Copies(files, rows["file"].to_numpy(), rows["copy"].to_numpy()).read()
    else:
        side = math.isqrt(prints.length)
        bits = np.unpackbits(tables.bytes_of(rows["bits"]), axis=1, count=prints.length)
        gray = 255 * bits.reshape(-1, side, side)
    return {name: encoded(one, "png") for name, one in zip(rows["id"].to_pylist(), gray, strict=True)}
