"""Prefect tasks of the overlap stage: one join per pair of splits, one count per split, and the verdict on them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from tasks.overlap.agreements import measured_by
from tasks.overlap.bands import Bands
from tasks.overlap.baseline import measure_baseline
from tasks.overlap.count import count_overlap
from tasks.overlap.join import Join, write_twins
from tasks.overlap.tables import distinct, read_split
from tasks.overlap.verdict import MATCHED, Matches, judge
from tasks.overlap.within.write import read_matches
from tasks.records import Baseline, Fingerprints, Joined, Linked, Overlap, Split, Splits, Within, between
from tasks.records.spec import ComparingSpec
from tasks.records.verdict import Verdict
from tasks.stage_task import finished, stage_task
from tasks.storage import stages, tables
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary import LOSES_TO, SPLITS, ViewName

VERSION = 4
SEEDED = 3  # version that hash positions are drawn from: the same for the same data, whatever else changes
BASELINE = "baseline.parquet"


@stage_task("find overlap of {first.name} and {second.name}")
def find_overlap(
    spec: ComparingSpec,
    view: ViewName,
    first: Split,
    second: Split,
    fingerprints: Sequence[Fingerprints],
    bands: Bands | None,
    workspace: Place,
) -> Joined:
    """Find exact and near twins between two splits, in both directions."""
    searched = second if spec.protect == "train" else first
    join = Join((first, second), (prints_of(first, fingerprints), prints_of(second, fingerprints)), searched)
    inputs = _inputs(spec, view, join, bands)
    # Of the hash positions: none that data could be made for.
    seed = int(stages.digest_of(inputs | {"version": SEEDED})[:8], 16)

    def build(target: Place) -> dict[str, Any]:
        mirrored, floor = "mirrored" in spec.also, spec.floor_percent
        return write_twins(join, VIEWS[view], floor, bands, seed, mirrored, workspace, target)

    inputs |= measured_by(view)
    stage = stages.stage(workspace, "overlap", inputs, build)
    cut = (bands.bands, bands.rows) if bands and stage.result["recall"] else None
    joined = Joined(first.name, second.name, stage.folder.name, stages.digest_of(inputs), cut, stage.result)
    return finished(joined, stage, f"{first.name} and {second.name}: {stage.result['method']}")


@stage_task("measure the baseline of {splits.train.name}")
def find_baseline(
    spec: ComparingSpec,
    view: ViewName,
    splits: Splits,
    fingerprints: Sequence[Fingerprints],
    bands: Bands | None,
    workspace: Place,
) -> Baseline:
    """Measure how similar images are that are no leak."""
    parts = [(splits[name], prints_of(splits[name], fingerprints)) for name in SPLITS]
    inputs = {
        "version": VERSION,
        "view": view,
        "splits": [split.sha256 for split, _ in parts],
        "fingerprints": [each.sha256 for _, of in parts for each in of],
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
    }
    seed = int(stages.digest_of(inputs)[:8], 16)

    def build(target: Place) -> dict[str, Any]:
        train, *others = (read_split(split, of, workspace) for split, of in parts)
        others = [other for other in others if len(other.side)] or [train]
        found = measure_baseline(train, others, VIEWS[view], bands, seed)
        tables.write(found, target / BASELINE)
        return {"rows": len(found)}

    inputs |= measured_by(view)
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


@stage_task("count distinct images of {split.name}")
def count_within(split: Split, fingerprints: Sequence[Fingerprints], workspace: Place) -> Within:
    """Count the redundancy inside one split, and the images that say nothing of what they show."""
    prints = prints_of(split, fingerprints)

    def build(_target: Place) -> dict[str, Any]:
        rows = read_split(split, prints, workspace)
        return {"distinct": len(distinct(rows.side)), "one_colour": int(rows.one_colour.sum()), "blank": rows.blank()}

    inputs = {"version": VERSION, "split": split.sha256, "fingerprints": [each.sha256 for each in prints]}
    stage = stages.stage(workspace, "within", inputs, build)
    within = Within(split=split.name, rows=split.rows, folder=stage.folder.name, **stage.result)
    return finished(within, stage, f"{split.name}: {within.distinct:,} distinct images in {within.rows:,} rows")


def prints_of(split: Split, fingerprints: Sequence[Fingerprints]) -> list[Fingerprints]:
    """Return the fingerprints of the shards that a split's rows come from."""
    found = [each for each in fingerprints if each.role in split.drawn_from]
    return found or list(fingerprints)  # an audit without validation has no rows of it to look up


def _inputs(spec: ComparingSpec, view: ViewName, join: Join, bands: Bands | None) -> dict[str, Any]:
    inputs = {
        "version": VERSION,
        "splits": [[split.name, split.sha256] for split in join.pair],
        "fingerprints": [each.sha256 for of in join.prints for each in of],
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
        "also": spec.also,
    }
    return inputs | {"searched": join.searched.name} if VIEWS[view].on_pixels else inputs
