"""Prefect tasks of the overlap stage that identify duplicates: measure the baseline, judge, settle, and group."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.libraries import shaped_by
from tasks.overlap.baseline import joins_of, measure_baseline
from tasks.overlap.components import matches_of
from tasks.overlap.groups import write_duplicates
from tasks.overlap.join import VERSION, join_of
from tasks.overlap.minhash import RecallCounts, measured_recall
from tasks.overlap.pairs import read_pairs
from tasks.overlap.search import PAIRS
from tasks.overlap.twins import write_twins
from tasks.overlap.verdict import judge
from tasks.processes import in_worker
from tasks.records import Decided, Joined, Overlap, Ruling, SplitDuplicates
from tasks.records.overlaps import BASELINE, CHAINED, Baseline, Direction
from tasks.records.rows import SameSubject, SplitGroups, VariantCount
from tasks.records.spec import ComparingSpec
from tasks.records.verdict import Verdict
from tasks.stage_task import finished, stage_task
from tasks.storage import Place, stages, tables
from tasks.vocabulary import counted


@stage_task("measure the baseline")
def find_baseline(spec: ComparingSpec, joined: Sequence[Joined], workspace: Place) -> Baseline:
    """Measure similarities without a leak: between an image and the rest of the first split, and of random pairs."""
    seed = spec.settings().get("seed")
    inputs = {"version": VERSION, "joins": [join.sha256 for join in joined], "seed": seed} | shaped_by("drawing")

    def build(target: Place) -> dict[str, Any]:
        joins, pairs = joins_of(spec, joined, workspace)
        found, chained = in_worker(measure_baseline, joins, pairs, joined[0].pair.first.split, int(seed or 0))
        tables.write(found, target / BASELINE)
        tables.write(pa.table({"md5": tables.binary(chained)}), target / CHAINED)
        return {"rows": len(found), "chained": len(chained)}

    stage = stages.stage(workspace, "baseline", inputs, build)
    message = f"matches without a leak: {stage.result['rows']:,}"
    return finished(Baseline(stage.folder.name, stages.digest_of(inputs)), stage.reused, message)


@stage_task("judge the matches")
def judge_twins(spec: ComparingSpec, joined: Sequence[Joined], baseline: Baseline, workspace: Place) -> Ruling:
    """Judge the lowest similarity of duplicates."""
    inputs = {
        "version": VERSION,
        "joins": [join.sha256 for join in joined],
        "baseline": baseline.sha256,
        "settings": [spec.floor_percent, spec.threshold, spec.protect],
    } | shaped_by("statistics")

    def build(_target: Place) -> dict[str, Any]:
        searched = [one for one in joined if one.pair.first.images and one.pair.second.images] or joined[:1]
        chained = tables.bytes_of(tables.read(workspace / baseline.chained)["md5"])
        matches = []
        for one in searched:
            join, _ = join_of(spec, one.pair, workspace, [one])  # holds its images, so only one exists at a time
            matches.append(matches_of(join, read_pairs(workspace / one.folder / PAIRS), chained))
        sides = [side for one in searched for side in (one.pair.first, one.pair.second)]
        short_side = min(filter(None, (side.short_side for side in sides)), default=None)
        settings = join.view, spec.floor_percent, spec.threshold, short_side, max(side.images for side in sides)
        verdict = judge(np.concatenate(matches), tables.read(workspace / baseline.table), *settings)
        return asdict(verdict if spec.protect == "train" else replace(verdict, expected=None))  # valid for train rows

    stage = stages.stage(workspace, "verdicts", inputs, build)
    verdict = Verdict(**stage.result)
    lowest = f"similarity {verdict.threshold} or higher" if verdict.threshold else "identical images only"
    ruling = Ruling(verdict, baseline, stages.digest_of(inputs), stage.folder.name)
    return finished(ruling, stage.reused, f"duplicates: {lowest}")


@stage_task("settle {joined.pair}")
def settle_overlap(
    spec: ComparingSpec, joined: Joined, ruling: Ruling, decided: Decided | None, workspace: Place
) -> Overlap:
    """Write the best duplicate of each row of two splits in the other, by the verdict and by decisions of people."""
    join, _ = join_of(spec, joined.pair, workspace, [joined])
    inputs = _settled_by(joined, ruling, decided) | {"floor": spec.floor_percent, "also": spec.also}
    asked = join, joined, ruling, decided
    stage = stages.stage(workspace, "settled", inputs, lambda to: in_worker(write_twins, *asked, to))
    facts, recall, searched = joined.facts, None, join.sides[join.searched].split
    if facts["recall"]:
        of_bits = join.view.recall_from  # not of agreements
        floor, threshold = of_bits or join.percent, of_bits or round(100 * (ruling.verdict.threshold or 1))
        counts = RecallCounts(**facts["recall"])
        recall = measured_recall(counts, floor, threshold, sampled=facts["method"] == "minhash")
    close, between = facts.get("close"), (searched, join.sides[1 - join.searched].split)
    mirrored = VariantCount(*between, "mirrored", stage.result["mirrored"])
    overlap = Overlap(
        first=joined.pair.first.split,
        second=joined.pair.second.split,
        folder=stage.folder.name,
        sha256=stages.digest_of(inputs),
        directions=tuple(Direction(**one) for one in stage.result["directions"]),
        method=facts["method"],
        bands=joined.bands,
        recall_at_floor=facts["stated"],
        recall=recall,
        contradicted=facts["contradicted"],
        variants=(mirrored,) if spec.also else (),
        engines=tuple(sorted({engine for engine, _ in joined.computed_by})),
        subjects=SameSubject(*between, stage.result["subjects"], **close) if close else None,
    )
    said = (f"{d.rows_of}: {d.either:,} of {d.rows:,} with a duplicate in {d.found_in}" for d in overlap.directions)
    return finished(overlap, stage.reused, "; ".join(said))


@stage_task("group the duplicates within {joined.pair.first.split}")
def group_duplicates(
    spec: ComparingSpec, joined: Joined, ruling: Ruling, decided: Decided | None, workspace: Place
) -> SplitDuplicates:
    """Group the duplicate images of a split, and choose which image of each group stays."""
    prints = joined.pair.first
    inputs = _settled_by(joined, ruling, decided) | {"rules": [spec.keep, spec.chains, spec.joins_within]}

    def build(target: Place) -> dict[str, Any]:
        join, _ = join_of(spec, joined.pair, workspace, [joined])
        return in_worker(write_duplicates, spec, join, joined, ruling, decided, target)

    if joined.method is None:
        return SplitDuplicates(SplitGroups(prints.split, prints.rows, method=None), None)
    stage = stages.stage(workspace, "duplicates", inputs, build)
    counts = SplitGroups(prints.split, prints.rows, joined.method, **stage.result)
    found = f"{counted(counts.groups, 'group')} of duplicates with {counted(counts.grouped, 'image')}"
    message = f"{prints.split}: {found}, {counts.exact + counts.near:,} to remove"
    return finished(SplitDuplicates(counts, stage.folder.name), stage.reused, message)


def _settled_by(joined: Joined, ruling: Ruling, decided: Decided | None) -> dict[str, Any]:
    """Return the inputs that determine which pairs are duplicates."""
    return {
        "version": VERSION,
        "join": joined.sha256,
        "ruling": ruling.sha256,
        "threshold": [ruling.verdict.threshold, ruling.verdict.reason],
        "decided": decided and decided.sha256,
    }
