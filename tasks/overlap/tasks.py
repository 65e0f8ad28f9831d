"""Prefect tasks of the overlap stage: one join per pair of splits, one count per split."""

from collections.abc import Sequence
from typing import Any

from tasks.overlap.bands import Bands
from tasks.overlap.join import write_twins
from tasks.overlap.recall import RecallCounts, interval
from tasks.overlap.tables import count_direction, distinct, read_split
from tasks.overlap.variants import count_variants
from tasks.records import Direction, Fingerprints, MeasuredRecall, Overlap, Split, Within
from tasks.records.spec import OverlapSpec
from tasks.stage_task import finished, stage_task
from tasks.storage import stages
from tasks.storage.place import Place
from tasks.storage.stages import Stage
from tasks.views import VIEWS
from tasks.vocabulary import ViewName

VERSION = 3


@stage_task("find overlap of {first.name} and {second.name}")
def find_overlap(
    spec: OverlapSpec,
    view: ViewName,
    first: Split,
    second: Split,
    fingerprints: Sequence[Fingerprints],
    bands: Bands | None,
    workspace: Place,
) -> Overlap:
    """Find exact and near twins between two splits, in both directions, and variants of the second in the first."""
    pair, floor = (first, second), spec.floor_percent
    prints = prints_of(first, fingerprints), prints_of(second, fingerprints)

    inputs = _inputs(spec, pair, prints, bands)
    seed = int(stages.digest_of(inputs)[:8], 16)  # of the hash positions: none that data could be made for

    def build(target: Place) -> dict[str, Any]:
        return write_twins(pair, prints, VIEWS[view], floor, bands, seed, spec.also, workspace, target)

    stage = stages.stage(workspace, "overlap", inputs, build)
    overlap = _record(spec, pair, bands, inputs, stage)
    counts = (f"{d.either:,} of {d.rows:,} {d.rows_of} rows have a twin in {d.found_in}" for d in overlap.directions)
    return finished(overlap, stage, "; ".join(counts))


@stage_task("count distinct images of {split.name}")
def count_within(split: Split, fingerprints: Sequence[Fingerprints], workspace: Place) -> Within:
    """Count the redundancy inside one split."""
    prints = prints_of(split, fingerprints)

    def build(_target: Place) -> dict[str, Any]:
        rows = read_split(split.places(workspace), [workspace / each.table for each in prints])
        return {"distinct": len(distinct(rows.side)), "one_colour": int(rows.one_colour.sum())}

    inputs = {"version": VERSION, "split": split.sha256, "fingerprints": [each.sha256 for each in prints]}
    stage = stages.stage(workspace, "within", inputs, build)
    within = Within(split=split.name, rows=split.rows, folder=stage.folder.name, **stage.result)
    return finished(within, stage, f"{split.name}: {within.distinct:,} distinct images in {within.rows:,} rows")


def prints_of(split: Split, fingerprints: Sequence[Fingerprints]) -> list[Fingerprints]:
    """Return the fingerprints of the shards that a split's rows come from."""
    drawn_from = "small" if split.name == "test" else "large"
    found = [each for each in fingerprints if each.role in (drawn_from, split.name)]
    return found or list(fingerprints)  # an audit without validation has no rows of it to look up


def _inputs(
    spec: OverlapSpec,
    pair: tuple[Split, Split],
    prints: tuple[Sequence[Fingerprints], Sequence[Fingerprints]],
    bands: Bands | None,
) -> dict[str, Any]:
    return {
        "version": VERSION,
        "splits": [[split.name, split.sha256] for split in pair],
        "fingerprints": [each.sha256 for of in prints for each in of],
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
        "also": spec.also,
    }


def _record(
    spec: OverlapSpec, pair: tuple[Split, Split], bands: Bands | None, inputs: dict[str, Any], stage: Stage
) -> Overlap:
    first, second = pair
    variants = stage.folder / "variants.parquet"
    return Overlap(
        first=first.name,
        second=second.name,
        folder=stage.folder.name,
        sha256=stages.digest_of(inputs),
        directions=(_count(spec, first, second, stage), _count(spec, second, first, stage)),
        method=stage.result["method"],
        bands=(bands.bands, bands.rows) if bands and stage.result["recall"] else None,
        recall_at_floor=stage.result["stated"],
        recall=_recall(spec, stage),
        contradicted=stage.result["contradicted"],
        variants=count_variants(variants, second.name, first.name, spec.also, spec.threshold_percent)
        if spec.also
        else (),
    )


def _count(spec: OverlapSpec, rows_of: Split, found_in: Split, stage: Stage) -> Direction:
    table, fixed = stage.folder / f"{rows_of.name}.parquet", stage.result[rows_of.name]
    return count_direction(table, rows_of.name, found_in.name, spec.threshold_percent, spec.floor_percent, fixed)


def _recall(spec: OverlapSpec, stage: Stage) -> MeasuredRecall | None:
    """Return the recall of MinHash at the floor and at the threshold, which no join depends on."""
    facts = stage.result["recall"]
    if facts is None:
        return None
    true, found = ({int(percent): rows for percent, rows in facts[name].items()} for name in ("true", "found"))
    counts = RecallCounts(facts["rows"], true, found)
    at_floor, at_threshold = counts.at(spec.floor_percent), counts.at(spec.threshold_percent)
    low, high = interval(*at_floor) if stage.result["method"] == "minhash" else (None, None)
    return MeasuredRecall(counts.rows, *at_floor, *at_threshold, low, high)
