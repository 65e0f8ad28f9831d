"""The Prefect task that decides about the rows of a batch and writes its folder with its tables and its page.

A row is new if neither the references nor the earlier new rows of the batch have a duplicate of it, or anything that
may be one.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.presenting.gallery import Row, encoded, uri_of
from tasks.presenting.page import render
from tasks.presenting.words import mostly_missed
from tasks.records import LoadedSources, Prints, SplitDuplicates
from tasks.records.references import ARRIVED, NOT_NEW, Arrived, Reference, SegmentOverlaps, Status
from tasks.reporting.counted import refused_members
from tasks.reporting.read import PAGE, REPORT
from tasks.reporting.searched import searched_kinds
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, disk, stages, tables
from tasks.storage.copies import Copies
from tasks.storage.image_files import gray_of, thumbnails
from tasks.vocabulary import UNLABELLED

VERSION = 4
SHOWN = 60  # images of each result on the page
KINDS: tuple[Status, ...] = ("conflicting", "undecided", "duplicate", "known")  # in the order of the page
SCHEMA = pa.schema(
    {"id": pa.string(), "class_name": pa.string(), "result": pa.string(), "exact": pa.bool_()}
    | {"similarity": pa.float64()}
    | dict.fromkeys(("twin_id", "twin_class_name", "reference", "segment"), pa.string())
)


@stage_task("decide about the batch")
def decide(
    about: Arrived,
    references: Sequence[Reference],
    batch: Prints,
    loaded: LoadedSources,
    found: SegmentOverlaps,
    inside: SplitDuplicates | None,
    space: Place,
) -> Arrived:
    """Publish the result of each row of a batch, given the duplicates inside its unknown rows, if there are such."""

    def build(target: Place) -> dict[str, Any]:
        others = known_rows(found, space) | (_rows_inside(inside, space) if inside else {})
        every = tables.read(space / batch.table, ["id", "class_name", "rank"]).sort_by("rank").to_pylist()
        rows = [_with_result(row, others.get(row["id"], {"result": "new"})) for row in every]
        refused = refused_members(loaded, space).to_pylist()
        left_out = [row | {"id": row["path"], "result": row["reason"]} for row in refused]
        left_out += [row for row in rows if row["result"] != "new"]
        for name, some in ((ARRIVED, rows), ("quarantine.parquet", left_out)):
            tables.write(pa.Table.from_pylist(some, schema=SCHEMA), target / name)
        arrived = replace(about, rows=Counter(row["result"] for row in rows))
        disk.write_text(target / REPORT, json.dumps(asdict(arrived), indent=1) + "\n")
        written = tables.read(target / ARRIVED).to_pylist()
        disk.write_text(target / PAGE, build_arrived(arrived, written, references, loaded, batch, space))
        return asdict(arrived)

    stage = stages.publish(space / about.folder, {"version": VERSION}, build)
    arrived = Arrived(**stage.result)
    return finished(arrived, stage.reused, arrived.in_short)


def known_rows(found: SegmentOverlaps, workspace: Place) -> dict[str, Row]:
    """Return the rows of a batch with a duplicate in the references, or with an undecided one, by their ids."""
    best: dict[str, Row] = {}
    for reference, segment, overlap in found:
        for row in tables.read(workspace / overlap.table("test"), filters=NOT_NEW).to_pylist():
            turn = row["exact"] or row["near"], row["exact"], row["jaccard"]
            if row["id"] not in best or turn > best[row["id"]]["turn"]:
                result = "known" if turn[0] else "undecided"
                best[row["id"]] = row | {"reference": reference, "segment": segment, "turn": turn, "result": result}
    return best


def _rows_inside(inside: SplitDuplicates, workspace: Place) -> dict[str, Row]:
    goes = tables.read(workspace / inside.table, filters=~pc.field("stays")).to_pylist()
    unsure = tables.read(workspace / inside.unconfirmed).to_pylist()
    found = [*((row, "duplicate") for row in goes), *((row, "undecided") for row in unsure)]
    return {row["id"]: row | {"result": result, "exact": row["reason"] == "exact"} for row, result in found}


def _with_result(row: Row, other: Row) -> Row:
    """Return a row with its result; a duplicate of another class is conflicting, whatever else it is."""
    classes = row["class_name"], other.get("twin_class_name")
    differ = other["result"] in ("known", "duplicate") and classes[0] != classes[1] and UNLABELLED not in classes
    result = "conflicting" if differ else other["result"]
    return other | row | {"result": result, "similarity": other.get("jaccard")}


def build_arrived(
    arrived: Arrived,
    rows: Sequence[Row],
    references: Sequence[Reference],
    loaded: LoadedSources,
    batch: Prints,
    workspace: Place,
) -> str:
    """Return the page of a batch, with the first images of each result but new, and their duplicates."""
    shown = [row for kind in KINDS for row in [row for row in rows if row["result"] == kind][:SHOWN]]
    wanted: dict[str | None, set[str]] = {None: {row["id"] for row in shown}}
    for row in shown:
        wanted.setdefault(row["segment"], set()).add(row["twin_id"])
    parts = {part.id: part.prints for reference in references for part in reference.live}
    of_batch = _of_batch(loaded, wanted[None], workspace)
    uris = {None: of_batch} | {part: _of_segment(parts[part], ids, workspace) for part, ids in wanted.items() if part}
    pictures = [row | {"uri": uris[None][row["id"]], "other": uris[row["segment"]][row["twin_id"]]} for row in shown]
    about = {"reference": references[0], "results": get_args(Status), "unlabelled": UNLABELLED}
    missed = mostly_missed(searched_kinds(loaded.reading.view, batch.short_side, ()))
    return render("arrived.html.jinja", arrived=arrived, pictures=pictures, missed=missed, **about)


def _of_batch(loaded: LoadedSources, ids: Iterable[str], workspace: Place) -> dict[str, str]:
    """Return images of a batch as URIs, by id."""
    if loaded.reading.kind == "photographs":
        found = thumbnails([workspace / shard.photographs for shard in loaded.shards], ids)
        return {name: uri_of(data, "jpeg") for name, data in found.items()}
    images = gray_of([workspace / shard.images for shard in loaded.shards], ids)
    return {name: encoded(gray, "png") for name, gray in images.items()}


def _of_segment(prints: Prints, ids: Iterable[str], workspace: Place) -> dict[str, str]:
    """Return images of a segment as URIs, by id: the gray copies of photographs, and the ink of glyphs."""
    rows = tables.read(workspace / prints.table, filters=pc.field("id").isin(list(ids)))
    if prints.copies:
        gray = Copies.of([workspace / file for file in prints.copies], rows).read()
    else:
        side = math.isqrt(prints.length)
        gray = 255 * np.unpackbits(tables.bytes_of(rows["bits"]), axis=1, count=prints.length).reshape(-1, side, side)
    return {name: encoded(one, "png") for name, one in zip(rows["id"].to_pylist(), gray, strict=True)}
