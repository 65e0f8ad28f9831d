"""Prefect tasks of the overlap stage: one join per pair of splits, one count per split, and the verdict on them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow.compute as pc
from pydantic import TypeAdapter

from tasks.overlap.agreements import measured_by
from tasks.overlap.bands import Bands
from tasks.overlap.baseline import measure_baseline
from tasks.overlap.count import count_overlap
from tasks.overlap.exact import as_void
from tasks.overlap.find import Search
from tasks.overlap.join import shared_by, write_tile, write_twins
from tasks.overlap.prints import StoredRows, prints_of, write_prints
from tasks.overlap.tiles import Join, Slices, StoredTile
from tasks.overlap.verdict import MATCHED, Matches, judge
from tasks.overlap.within.links import read_matches
from tasks.processes import apart
from tasks.records import Baseline, Drawn, Fingerprints, Joined, Linked, Overlap, Prints, Tile, Within, between
from tasks.records.spec import ComparingSpec
from tasks.records.verdict import Verdict
from tasks.stage_task import finished, stage_task
from tasks.storage import stages, tables
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary import LOSES_TO, ViewName

VERSION = 4
LOOKED_UP = 1
MEASURED = 2  # version of the baseline, whose rows are drawn as they always were
SEEDED = 3  # version that hash positions are drawn from: the same for the same data, whatever else changes
BASELINE = "baseline.parquet"


@stage_task("look up fingerprints of {split.name}")
def look_up(split: Drawn, fingerprints: Sequence[Fingerprints], workspace: Place) -> Prints:
    """Bring the fingerprints of a split's rows together, in the order of the rows."""
    own = prints_of(split, fingerprints)
    inputs = {"version": LOOKED_UP, "split": split.sha256, "fingerprints": [each.sha256 for each in own]}

    def build(target: Place) -> dict[str, Any]:
        return write_prints(split, fingerprints, workspace, target)

    stage = stages.stage(workspace, "prints", inputs, build)
    prints = Prints(
        split=split.name,
        rows=split.rows,
        length=stage.result["length"],
        folder=stage.folder.name,
        sha256=split.sha256,
        of=tuple(each.sha256 for each in own),
        copies=tuple(each.copies for each in own if each.copies),
    )
    return finished(prints, stage, f"{split.name}: {split.rows:,} fingerprints")


def tiles_between(
    spec: ComparingSpec, view: ViewName, first: Prints, second: Prints, bands: Bands | None, apart: bool
) -> list[Slices]:
    """Return the tiles of two splits that are tasks of their own: of a single one, if it is to be `apart`."""
    join, _ = _join(spec, view, first, second, bands, spec.place)
    return join.tiles if len(join.tiles) > 1 or (apart and all(map(len, join.sides))) else []


@stage_task("compare {first.split} and {second.split}, tile {number}")
def compare_tile(
    spec: ComparingSpec,
    view: ViewName,
    first: Prints,
    second: Prints,
    bands: Bands | None,
    number: int,
    slices: Slices,
    workspace: Place,
) -> Tile:
    """Find the twins of a slice of a split in a slice of another, in both directions."""
    join, inputs = _join(spec, view, first, second, bands, workspace)
    inputs |= {"tile": [[rows.start, rows.stop] for rows in slices], **measured_by(view)}
    stage = stages.stage(workspace, "tiles", inputs, lambda target: apart(write_tile, join, slices, target))
    one, two = (f"{rows.start + 1:,} to {rows.stop:,}" for rows in slices)
    tile = Tile(stage.folder.name, stage.result)
    return finished(tile, stage, f"tile {number}: rows {one} of {first.split} with {two} of {second.split}")


@stage_task("find overlap of {first.split} and {second.split}")
def find_overlap(
    spec: ComparingSpec,
    view: ViewName,
    first: Prints,
    second: Prints,
    bands: Bands | None,
    tiles: Sequence[Tile],
    workspace: Place,
) -> Joined:
    """Find exact and near twins between two splits, in both directions, or put together what tiles found."""
    join, inputs = _join(spec, view, first, second, bands, workspace)

    def build(target: Place) -> dict[str, Any]:
        stored = [StoredTile(workspace / tile.folder, tile.result) for tile in tiles]
        facts = write_twins(join, stored, target)
        return facts | shared_by(join, StoredRows(first, workspace), StoredRows(second, workspace), target)

    inputs |= measured_by(view)
    stage = stages.stage(workspace, "overlap", inputs, build)
    cut = (bands.bands, bands.rows) if bands and stage.result["recall"] else None
    joined = Joined(first.split, second.split, stage.folder.name, stages.digest_of(inputs), cut, stage.result)
    return finished(joined, stage, f"{first.split} and {second.split}: {stage.result['method']}")


@stage_task("measure the baseline of train")
def find_baseline(
    spec: ComparingSpec, view: ViewName, prints: Sequence[Prints], bands: Bands | None, workspace: Place
) -> Baseline:
    """Measure how similar images are that are no leak; `prints` are those of train, validation and test."""
    inputs = {
        "version": VERSION,
        "view": view,
        "splits": [one.sha256 for one in prints],
        "fingerprints": [sha256 for one in prints for sha256 in one.of],
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
    }
    seed = int(stages.digest_of(inputs)[:8], 16)

    def build(target: Place) -> dict[str, Any]:
        train, *others = (StoredRows(one, workspace) for one in prints)
        others = [other for other in others if len(other)] or [train]
        found = measure_baseline(train, others, VIEWS[view], bands, seed)
        tables.write(found, target / BASELINE)
        return {"rows": len(found)}

    inputs |= {"measured": MEASURED, **measured_by(view)}
    stage = stages.stage(workspace, "baseline", inputs, build)
    baseline = Baseline(stage.folder.name, stages.digest_of(inputs))
    return finished(baseline, stage, f"{stage.result['rows']:,} matches that are no leak")


@stage_task("judge the twins")
def judge_twins(
    spec: ComparingSpec,
    view: ViewName,
    joined: Sequence[Joined],
    linked: Linked | None,
    by: Baseline | Verdict,
    workspace: Place,
) -> tuple[Verdict, tuple[Overlap, ...]]:
    """Say from which similarity on two images are twins, by a baseline or as it is settled, and count them."""
    asked = None if spec.threshold is None else round(100 * spec.threshold)

    def matches() -> Matches:
        if linked and spec.joins_within:  # there is one split, and what matters are the matches inside it
            return read_matches(workspace / linked.folder)
        return Matches.of(
            [
                [tables.read(workspace / between(joined, name, other).table(name), MATCHED) for other in others]
                for name, others in LOSES_TO[spec.protect].items()
            ]
        )

    def build(_target: Place) -> dict[str, Any]:
        sides = [linked.short_side] if linked and spec.joins_within else [join.facts["short_side"] for join in joined]
        short_side = next(filter(None, sides), None)
        if isinstance(by, Verdict):
            return asdict(by)
        of = tables.read(workspace / by.folder / BASELINE)
        return asdict(judge(matches(), of, VIEWS[view], spec.floor_percent, asked, short_side))

    inputs = {
        "version": VERSION,
        "joins": [join.sha256 for join in joined],
        "links": linked.sha256 if linked and spec.joins_within else None,
        "by": asdict(by),
        "view": view,
        "settings": [spec.floor_percent, asked, spec.protect],
    }
    stage = stages.stage(workspace, "verdicts", inputs, build)
    verdict = TypeAdapter(Verdict).validate_python(stage.result)
    overlaps = tuple(count_overlap(join, verdict.percent, spec.floor_percent, spec.also, workspace) for join in joined)
    directions = [direction for overlap in overlaps for direction in overlap.directions]
    counts = (f"{d.either:,} of {d.rows:,} {d.rows_of} rows have a twin in {d.found_in}" for d in directions)
    return finished((verdict, overlaps), stage, "; ".join(counts))


@stage_task("count distinct images of {prints.split}")
def count_within(prints: Prints, workspace: Place) -> Within:
    """Count the redundancy inside one split, and the images that say nothing of what they show."""

    def build(_target: Place) -> dict[str, Any]:
        rows = StoredRows(prints, workspace)
        distinct = len(np.unique(as_void(rows.digests)))
        one_colour = int(pc.sum(rows.column("one_colour")).as_py() or 0)
        return {"distinct": distinct, "one_colour": one_colour, "blank": rows.blank()}

    inputs = {"version": VERSION, "split": prints.sha256, "fingerprints": prints.of}
    stage = stages.stage(workspace, "within", inputs, build)
    within = Within(split=prints.split, rows=prints.rows, folder=stage.folder.name, **stage.result)
    return finished(within, stage, f"{prints.split}: {within.distinct:,} distinct images in {within.rows:,} rows")


def _join(
    spec: ComparingSpec, view: ViewName, first: Prints, second: Prints, bands: Bands | None, workspace: Place
) -> tuple[Join, dict[str, Any]]:
    """Return two splits as they are to be joined, and what determines the result."""
    searched = second if spec.protect == "train" else first
    inputs = {
        "version": VERSION,
        "splits": [[prints.split, prints.sha256] for prints in (first, second)],
        "fingerprints": [sha256 for prints in (first, second) for sha256 in prints.of],
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
        "also": spec.also,
    }
    if VIEWS[view].on_pixels:
        inputs["searched"] = searched.split
    # Of the hash positions: none that data could be made for.
    seed = int(stages.digest_of(inputs | {"version": SEEDED})[:8], 16)
    join = Join(
        names=(first.split, second.split),
        sides=(StoredRows(first, workspace), StoredRows(second, workspace)),
        view=VIEWS[view],
        search=Search(first.length, spec.floor_percent, bands, seed),
        searched=int(searched is second),
        mirrored="mirrored" in spec.also,
    )
    return join, inputs
