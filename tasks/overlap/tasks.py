"""Prefect tasks of the overlap stage: look up, compare, judge, settle, and group."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from tasks.libraries import shaped_by
from tasks.overlap.agreements import measured_by
from tasks.overlap.baseline import Compared, measure_baseline
from tasks.overlap.groups import Rules, write_groups
from tasks.overlap.images import read_rows
from tasks.overlap.join import PAIRS, UNASKED, Join, Slices, write_join, write_tile
from tasks.overlap.minhash import Bands
from tasks.overlap.pairs import read_pairs
from tasks.overlap.prints import prints_of, write_prints
from tasks.overlap.recall import RecallCounts, measured_recall
from tasks.overlap.settled import Given, read_chained, read_searched
from tasks.overlap.twins import write_twins
from tasks.overlap.verdict import Matches, judge
from tasks.processes import apart
from tasks.records import (
    Baseline,
    Decided,
    Direction,
    Drawn,
    Fingerprints,
    Joined,
    Overlap,
    Prints,
    Ruling,
    SplitDuplicates,
    SplitPair,
    Tile,
    Within,
)
from tasks.records.overlaps import BASELINE, CHAINED
from tasks.records.rows import SplitGroups, VariantCount
from tasks.records.spec import ComparingSpec
from tasks.records.verdict import Verdict
from tasks.registration.views import VIEWS
from tasks.stage_task import finished, stage_task
from tasks.storage import stages, tables
from tasks.storage.decisions import NAME, read_decisions
from tasks.storage.place import Place
from tasks.vocabulary import ViewName

VERSION = 6
LOOKED_UP = 3
SEEDED = 3  # version that hash positions are drawn from: the same for the same data, whatever else changes
NOT_COMPARED = {"method": None, "stated": 1.0, "contradicted": False, "recall": None}
OVERLAP = TypeAdapter(tuple[Direction, ...])


@stage_task("look up fingerprints of {split.name}")
def look_up(split: Drawn, fingerprints: Sequence[Fingerprints], workspace: Place) -> Prints:
    """Bring the fingerprints of a split's rows together, in the order of the rows, and find its distinct images."""
    own = prints_of(split, fingerprints)
    inputs = {"version": LOOKED_UP, "split": split.sha256, "fingerprints": [each.sha256 for each in own]}
    stage = stages.stage(
        workspace, "prints", inputs, lambda target: write_prints(split, fingerprints, workspace, target)
    )
    prints = Prints(
        split=split.name,
        rows=split.rows,
        folder=stage.folder.name,
        sha256=split.sha256,
        of=tuple(each.sha256 for each in own),
        copies=tuple(each.copies for each in own if each.copies),
        **stage.result,
    )
    return finished(prints, stage, f"{split.name}: {split.rows:,} fingerprints of {prints.images:,} images")


@stage_task("take decisions")
def take_decisions(file: str, fingerprints: Sequence[Fingerprints], workspace: Place) -> Decided:
    """Keep a copy of the decisions that apply to the images of a run, since more may be added to the file."""
    given = read_decisions(Place.of(file))
    digests = pa.concat_tables([tables.read(workspace / each.table, ["md5"]) for each in fingerprints])["md5"]
    found = given.about(digests.combine_chunks())

    def build(target: Place) -> dict[str, Any]:
        tables.write(found.table.drop_columns(["decided", "first_id", "second_id"]), target / NAME)
        return {}

    pairs = [[first.hex(), second.hex(), same] for (first, second), same in found.by_pair.items()]
    labels = [[first.hex(), second.hex(), label] for (first, second), label in found.right_labels.items()]
    shown = [found.table[name].to_pylist() for name in ("similarity", "view")]  # which the report sets beside them
    inputs = {"version": 3, "pairs": pairs, "labels": labels, "shown": shown}
    stage, same = stages.stage(workspace, "decisions", inputs, build), int(pc.sum(found.table["same"]).as_py() or 0)
    digest = stages.digest_of([pairs, labels])
    decided = Decided(stage.folder.name, digest, len(given), same, len(found) - same)
    return finished(decided, stage, f"{decided.same:,} pairs are the same, {decided.different:,} are different")


def tiles_of(
    spec: ComparingSpec, view: ViewName, pair: SplitPair, bands: Bands | None, in_process: bool
) -> list[Slices]:
    """Return the tiles of two splits that are tasks of their own: a single one only if it is to be `in_process`."""
    join, _ = _join(spec, view, pair, bands, spec.place)
    if _is_left_out(spec, join):
        return []
    return join.tiles if len(join.tiles) > 1 or in_process else []


@stage_task("compare {pair}, tile {number}")
def compare_tile(
    spec: ComparingSpec,
    view: ViewName,
    pair: SplitPair,
    bands: Bands | None,
    number: int,
    slices: Slices,
    workspace: Place,
) -> Tile:
    """Find the pairs of similar images in a slice of a split and one of another, or of the same."""
    join, inputs = _join(spec, view, pair, bands, workspace)
    inputs |= {"tile": [[some.start, some.stop] for some in slices], **measured_by(view), **_libraries(view, bands)}
    stage = stages.stage(workspace, "tiles", inputs, lambda target: apart(write_tile, join, slices, target))
    one, two = (f"{some.start + 1:,} to {some.stop:,}" for some in slices)
    return finished(Tile(stage.folder.name, stage.result), stage, f"tile {number}: images {one} with {two} of {pair}")


@stage_task("find overlap of {pair}")
def find_overlap(
    spec: ComparingSpec,
    view: ViewName,
    pair: SplitPair,
    bands: Bands | None,
    tiles: Sequence[Tile],
    workspace: Place,
) -> Joined:
    """Find the pairs of similar images of two splits or of one, or put together what tiles found.

    A large split is compared with itself only where that is asked for.
    """
    join, inputs = _join(spec, view, pair, bands, workspace)

    def build(target: Place) -> dict[str, Any]:
        return dict(NOT_COMPARED) if _is_left_out(spec, join) else apart(write_join, join, tiles, target)

    inputs |= measured_by(view) | _libraries(view, bands)
    stage = stages.stage(workspace, "overlap", inputs, build)
    cut = (bands.bands, bands.rows) if bands and stage.result["recall"] else None
    joined = Joined(pair, stage.folder.name, stages.digest_of(inputs), cut, stage.result)
    return finished(joined, stage, f"{pair}: {joined.method or 'not compared, which takes long'}")


@stage_task("measure the baseline")
def find_baseline(
    spec: ComparingSpec, view: ViewName, joined: Sequence[Joined], bands: Bands | None, workspace: Place
) -> Baseline:
    """Measure how similar images are that are no leak: in the rest of the first split, and in random pairs."""
    inputs = {"version": VERSION, "joins": [join.sha256 for join in joined], "seed": spec.settings().get("seed")}
    first = joined[0].pair.first.split
    inputs |= shaped_by("drawing")

    def build(target: Place) -> dict[str, Any]:
        joins = [_join(spec, view, one.pair, bands, workspace)[0] for one in joined]
        compared = Compared(joins, [read_pairs(workspace / one.folder / PAIRS) for one in joined])
        found, chained = apart(measure_baseline, compared, first, int(spec.settings().get("seed") or 0))
        tables.write(found, target / BASELINE)
        tables.write(pa.table({"md5": tables.binary(chained)}), target / CHAINED)
        return {"rows": len(found), "chained": len(chained)}

    stage = stages.stage(workspace, "baseline", inputs, build)
    baseline = Baseline(stage.folder.name, stages.digest_of(inputs))
    return finished(baseline, stage, f"{stage.result['rows']:,} matches that are no leak")


@stage_task("judge the twins")
def judge_twins(
    spec: ComparingSpec,
    view: ViewName,
    joined: Sequence[Joined],
    bands: Bands | None,
    baseline: Baseline,
    workspace: Place,
) -> Ruling:
    """Say from which similarity on two images are duplicates."""
    inputs = {
        "version": VERSION,
        "joins": [join.sha256 for join in joined],
        "baseline": baseline.sha256,
        "settings": [spec.floor_percent, spec.threshold, spec.protect],
    } | shaped_by("statistics")

    def build(_target: Place) -> dict[str, Any]:
        searched = [one for one in joined if one.pair.first.images and one.pair.second.images] or joined[:1]
        joins = [_join(spec, view, one.pair, bands, workspace)[0] for one in searched]
        chained = read_chained(baseline, workspace)
        parts = [
            Matches.of(join, read_pairs(workspace / one.folder / PAIRS), read_searched(join), chained)
            for join, one in zip(joins, searched, strict=True)
        ]
        short_side = min((join.short_side for join in joins if join.short_side), default=None)
        of = tables.read(workspace / baseline.table)
        matches = Matches.together(parts)
        verdict = judge(matches, of, VIEWS[view], spec.floor_percent, spec.threshold, short_side)
        return asdict(verdict if spec.protect == "train" else replace(verdict, expected=None))  # of train rows

    stage = stages.stage(workspace, "verdicts", inputs, build)
    verdict = TypeAdapter(Verdict).validate_python(stage.result)
    why = f"duplicates from {verdict.threshold} on" if verdict.threshold else "identical images only"
    return finished(Ruling(verdict, baseline, stages.digest_of(inputs)), stage, f"{why}: {verdict.reason}")


@stage_task("settle {joined.pair}")
def settle_overlap(
    spec: ComparingSpec,
    view: ViewName,
    joined: Joined,
    bands: Bands | None,
    ruling: Ruling,
    decided: Decided | None,
    workspace: Place,
) -> Overlap:
    """Write the best duplicate of each row of two splits in the other, by the verdict and by what people decided."""
    join, _ = _join(spec, view, joined.pair, bands, workspace)
    inputs = _settled_by(joined, ruling, decided) | {"floor": spec.floor_percent, "also": spec.also}

    def build(target: Place) -> dict[str, Any]:
        return apart(write_twins, join, Given(joined, ruling, decided), spec.floor_percent, target)

    stage = stages.stage(workspace, "settled", inputs, build)
    facts = joined.facts
    overlap = Overlap(
        first=joined.pair.first.split,
        second=joined.pair.second.split,
        folder=stage.folder.name,
        sha256=stages.digest_of(inputs),
        directions=OVERLAP.validate_python(stage.result["directions"]),
        method=facts["method"],
        bands=joined.bands,
        recall_at_floor=facts["stated"],
        recall=_recall(join, facts, ruling.verdict),
        contradicted=facts["contradicted"],
        variants=_variants(join, stage.result["mirrored"]) if spec.also else (),
    )
    counts = (
        f"{d.either:,} of {d.rows:,} {d.rows_of} rows have a duplicate in {d.found_in}" for d in overlap.directions
    )
    return finished(overlap, stage, "; ".join(counts))


@stage_task("group the duplicates within {joined.pair.first.split}")
def group_duplicates(
    spec: ComparingSpec,
    view: ViewName,
    joined: Joined,
    bands: Bands | None,
    ruling: Ruling,
    decided: Decided | None,
    workspace: Place,
) -> SplitDuplicates:
    """Say which images of a split show the same, and which of each group stays."""
    prints, rules = joined.pair.first, Rules(spec.keep, spec.chains)
    inputs = _settled_by(joined, ruling, decided) | {"rules": [rules.keep, rules.chains]}

    def build(target: Place) -> dict[str, Any]:
        join, _ = _join(spec, view, joined.pair, bands, workspace)
        return apart(write_groups, join, Given(joined, ruling, decided), rules, target)

    if joined.method is None:
        return SplitDuplicates(SplitGroups(prints.split, prints.rows, method=None), None)
    stage = stages.stage(workspace, "duplicates", inputs, build)
    counts = SplitGroups(prints.split, prints.rows, joined.method, **stage.result)
    goes = counts.exact + counts.near
    message = f"{prints.split}: {counts.groups:,} groups of {counts.grouped:,} images; {goes:,} of these go"
    return finished(SplitDuplicates(counts, stage.folder.name), stage, message)


@stage_task("count distinct images of {prints.split}")
def count_within(prints: Prints, workspace: Place) -> Within:
    """Count the redundancy inside one split, and the images that say nothing of what they show."""

    def build(_target: Place) -> dict[str, Any]:
        one_colour = read_rows(prints, workspace, ["one_colour"])["one_colour"]
        return {"one_colour": int(pc.sum(one_colour).as_py() or 0)}

    inputs = {"version": VERSION, "split": prints.sha256, "fingerprints": prints.of}
    stage = stages.stage(workspace, "within", inputs, build)
    own = {"distinct": prints.images, "blank": prints.blank}
    within = Within(split=prints.split, rows=prints.rows, folder=stage.folder.name, **own, **stage.result)
    return finished(within, stage, f"{prints.split}: {within.distinct:,} distinct images in {within.rows:,} rows")


def _libraries(view: ViewName, bands: Bands | None) -> dict[str, Any]:
    """Return the libraries that shape a comparison, as an entry of inputs."""
    return shaped_by(*["hashing"] * bool(bands), *["registration"] * VIEWS[view].on_pixels)


def _settled_by(joined: Joined, ruling: Ruling, decided: Decided | None) -> dict[str, Any]:
    """Return what determines which pairs are duplicates."""
    return {
        "version": VERSION,
        "join": joined.sha256,
        "ruling": ruling.sha256,
        "threshold": [ruling.verdict.threshold, ruling.verdict.reason],
        "decided": decided and decided.sha256,
    }


def _recall(join: Join, facts: dict[str, Any], verdict: Verdict) -> Any:
    if facts["recall"] is None:
        return None
    of_bits = join.view.recall_from and round(100 * join.view.recall_from)  # of photographs, bits are found
    floor, threshold = of_bits or join.percent, of_bits or round(100 * (verdict.threshold or 1))
    counts = RecallCounts.from_json(facts["recall"])
    return measured_recall(counts, floor, threshold, sampled=facts["method"] == "minhash")


def _variants(join: Join, mirrored: int) -> tuple[VariantCount, ...]:
    here, there = join.sides[join.searched].split, join.sides[1 - join.searched].split
    return (VariantCount(here, there, "mirrored", mirrored),)


def _is_left_out(spec: ComparingSpec, join: Join) -> bool:
    """Say whether comparing a split with itself takes longer than a minute of one core, and nobody asked for it."""
    return join.within and not spec.joins_within and join.cost > UNASKED


def _join(
    spec: ComparingSpec, view: ViewName, pair: SplitPair, bands: Bands | None, workspace: Place
) -> tuple[Join, dict[str, Any]]:
    """Return two splits as they are to be compared, and what determines the result."""
    searched = int(not pair.within and spec.protect == "train")
    inputs = {
        "version": VERSION,
        "splits": [[prints.split, prints.sha256] for prints in (pair.first, pair.second)],
        "fingerprints": [sha256 for prints in (pair.first, pair.second) for sha256 in prints.of],
        "floor": spec.floor_percent,
        "bands": bands and [bands.bands, bands.rows],
        "seed": spec.settings().get("seed"),
        "also": spec.also,
        "asked": pair.within and spec.joins_within,
    }
    if VIEWS[view].on_pixels:
        inputs["searched"] = searched
    join = Join(
        first=pair.first,
        second=pair.second,
        workspace=workspace,
        view=VIEWS[view],
        percent=spec.floor_percent,
        bands=bands,
        seed=int(stages.digest_of(inputs | {"version": SEEDED})[:8], 16),  # none that data could be made for
        searched=searched,
        mirrored="mirrored" in spec.also,
    )
    return join, inputs
