"""Prefect tasks of what lies inside one split: the pairs that hang together, and the groups at the threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.overlap.agreements import measured_by
from tasks.overlap.bands import Bands
from tasks.overlap.prints import StoredRows
from tasks.overlap.tiles import Slices
from tasks.overlap.within.links import (
    is_asked_too_much,
    read_alike,
    read_found,
    write_alike,
    write_links,
    write_searched,
)
from tasks.overlap.within.search import How, SelfJoin, is_cut, search_tile, self_join
from tasks.overlap.within.write import Rules, write_duplicates
from tasks.processes import apart
from tasks.records import Alike, Decided, Linked, Prints, SplitDuplicates, Tile
from tasks.records.rows import SplitGroups
from tasks.records.spec import SearchSpec
from tasks.records.verdict import Verdict
from tasks.stage_task import finished, stage_task
from tasks.storage import stages
from tasks.storage.decisions import read_decisions
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary import ViewName

VERSION = 3
SEEDED = 2  # version that hash positions are drawn from: the same for the same data, whatever else changes


def is_in_tiles(spec: SearchSpec, view: ViewName, prints: Prints, bands: Bands | None, apart: bool) -> bool:
    """Say whether a split is compared with itself tile by tile, a task each; a single one, if it is to be `apart`."""
    cut = is_cut(prints.rows, VIEWS[view], bands) or (apart and prints.rows > 0)
    return cut and not _is_left_out(spec, view, StoredRows(prints, spec.place))


@stage_task("tell the images of {prints.split} apart")
def tell_apart(view: ViewName, prints: Prints, workspace: Place) -> Alike:
    """Find which rows of a split are equal, so that its images are compared once."""
    inputs = {"version": VERSION, "view": view, "split": prints.sha256, "fingerprints": prints.of}
    rows = StoredRows(prints, workspace)
    stage = stages.stage(workspace, "alike", inputs, lambda target: write_alike(rows, VIEWS[view], target))
    alike = Alike(stage.folder.name, stage.result["images"])
    return finished(alike, stage, f"{prints.split}: {alike.images:,} distinct images to compare")


@stage_task("compare {prints.split} with itself, tile {number}")
def compare_within(
    spec: SearchSpec,
    view: ViewName,
    prints: Prints,
    bands: Bands | None,
    alike: Alike,
    number: int,
    slices: Slices,
    workspace: Place,
) -> Tile:
    """Find the pairs of similar images in two slices of a split, or in one."""
    inputs = _inputs(spec, view, prints, bands)

    def build(target: Place) -> dict[str, Any]:
        rows, how = StoredRows(prints, workspace), _how(spec, view, prints, bands)
        return apart(write_searched, rows, workspace / alike.folder, how, slices, target)

    inputs |= {"tile": [[some.start, some.stop] for some in slices], **measured_by(view)}
    stage = stages.stage(workspace, "tiles", inputs, build)
    one, two = (f"{some.start + 1:,} to {some.stop:,}" for some in slices)
    return finished(Tile(stage.folder.name, stage.result), stage, f"tile {number}: {prints.split}, {one} with {two}")


@stage_task("find similar images within {prints.split}")
def find_links(
    spec: SearchSpec,
    view: ViewName,
    prints: Prints,
    bands: Bands | None,
    alike: Alike | None,
    tiles: Sequence[Tile],
    workspace: Place,
) -> Linked:
    """Find the pairs of similar images inside a split; of a large one only where they are asked for."""
    stored = StoredRows(prints, workspace)

    def build(target: Place) -> dict[str, Any]:
        if _is_left_out(spec, view, stored):
            return {"method": None, "short_side": None}
        join = _join(spec, view, prints, bands, alike, workspace)
        if alike:
            found = (read_found(workspace / tile.folder) for tile in tiles)
        else:
            found = (search_tile(join, *tile) for tile in join.tiles)
        write_links(join, found, target)
        sides = stored.column("short_side").to_numpy() if VIEWS[view].on_pixels else ()
        return {"method": join.method, "short_side": int(np.median(sides)) if len(sides) else None}

    inputs = _inputs(spec, view, prints, bands) | measured_by(view)
    stage = stages.stage(workspace, "links", inputs, build)
    linked = Linked(
        prints.split, stage.folder.name, stages.digest_of(inputs), stage.result["method"], stage.result["short_side"]
    )
    return finished(linked, stage, f"{prints.split}: {linked.method or 'not compared with itself, which is long'}")


@stage_task("group the duplicates within {prints.split}")
def group_duplicates(
    spec: SearchSpec,
    view: ViewName,
    prints: Prints,
    linked: Linked,
    verdict: Verdict,
    decided: Decided | None,
    workspace: Place,
) -> SplitDuplicates:
    """Say which images of a split show the same, and which of each group stays."""
    inputs = {
        "version": VERSION,
        "links": linked.sha256,
        "percent": verdict.percent,
        "keep": spec.keep,
        "chains": spec.chains,
        "decided": decided and decided.sha256,
    }
    rules = Rules(verdict.percent, spec.floor_percent, spec.keep, spec.chains)

    def build(target: Place) -> dict[str, Any]:
        rows, links = StoredRows(prints, workspace), workspace / linked.folder
        decisions = read_decisions(workspace / decided.table) if decided else None
        return write_duplicates(rows, VIEWS[view], prints.split, links, rules, decisions, target)

    if linked.method is None:
        counts = SplitGroups(prints.split, prints.rows, method=None)
        return SplitDuplicates(counts, None)
    stage = stages.stage(workspace, "duplicates", inputs, build)
    counts = SplitGroups(prints.split, prints.rows, linked.method, **stage.result)
    goes = counts.exact + counts.near
    message = f"{prints.split}: {counts.groups:,} groups of {counts.grouped:,} images, of which {goes:,} go"
    return finished(SplitDuplicates(counts, stage.folder.name), stage, message)


def _is_left_out(spec: SearchSpec, view: ViewName, rows: StoredRows) -> bool:
    return not spec.joins_within and is_asked_too_much(rows, VIEWS[view], spec.floor_percent)


def _inputs(spec: SearchSpec, view: ViewName, prints: Prints, bands: Bands | None) -> dict[str, Any]:
    return {
        "version": VERSION,
        "view": view,
        "split": prints.sha256,
        "fingerprints": prints.of,
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "asked": spec.joins_within,
    }


def _join(
    spec: SearchSpec, view: ViewName, prints: Prints, bands: Bands | None, alike: Alike | None, workspace: Place
) -> SelfJoin:
    """Return a split as it is to be joined with itself, in memory if it is small."""
    rows, how = StoredRows(prints, workspace), _how(spec, view, prints, bands)
    return SelfJoin(rows, read_alike(workspace / alike.folder), *how) if alike else self_join(rows.all(), *how)


def _how(spec: SearchSpec, view: ViewName, prints: Prints, bands: Bands | None) -> How:
    inputs = _inputs(spec, view, prints, bands) | {"version": SEEDED}
    return VIEWS[view], spec.floor_percent, bands, int(stages.digest_of(inputs)[:8], 16)
