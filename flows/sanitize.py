"""Raw splits -> overlap of every pair of splits, and duplicates inside each -> sanitized splits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from flows.engine.declare import subflow
from flows.engine.progress import collect, say
from flows.joins import compare
from tasks.kernel import NUMPY
from tasks.overlap.baseline import PICTURES
from tasks.overlap.judging import find_baseline, group_duplicates, judge_twins, settle_overlap
from tasks.overlap.tasks import count_within, look_up, take_embeddings
from tasks.records import Findings, Joined, LoadedSources, Ruling, SplitPair, Splits
from tasks.records.report import AnySpec
from tasks.records.spec import AuditSpec, ComparingSpec
from tasks.splits.tasks import find_shared_groups, remove_overlap
from tasks.vocabulary import PAIRS, SPLITS

SLOWER = "numpy compares the images, several times more slowly: install cleansplit with a C compiler to use the kernel."


@subflow("sanitize splits")
def measure_and_sanitize(spec: AnySpec, splits: Splits, loaded: LoadedSources, within: bool = True) -> Findings:
    """Measure the overlap and, if requested, duplicates within each split; write sanitized splits; train nothing."""
    place = spec.place
    looking = [look_up.submit(splits[name], loaded.fingerprints, place) for name in SPLITS]
    prints = dict(zip(SPLITS, collect("look up fingerprints", looking), strict=True))
    if isinstance(spec, AuditSpec) and spec.embeddings:
        taking = [take_embeddings.submit(prints[name], str(spec.embeddings), place) for name in SPLITS]
        prints = dict(zip(SPLITS, collect("take embeddings", taking), strict=True))
    between = [SplitPair(prints[first], prints[second]) for first, second in PAIRS]
    inside = [SplitPair(prints[name], prints[name]) for name in SPLITS if splits[name].rows and within]
    joined = compare(spec, [*between, *inside])
    if any(join.computed_by[0] == NUMPY for join in joined):
        say(SLOWER)
    joins, alone = joined[: len(between)], joined[len(between) :]
    counted = collect("count distinct", [count_within.submit(prints[name], place) for name in SPLITS])
    ruling = splits.in_groups.ruling if splits.in_groups else rule(spec, alone if spec.joins_within else joins)
    settling = [settle_overlap.submit(spec, join, ruling, loaded.decided, place) for join in joins]
    grouping = [group_duplicates.submit(spec, join, ruling, loaded.decided, place) for join in alone]
    overlaps = tuple(collect("settle overlap", settling))
    duplicates = collect("group duplicates", grouping) if spec.joins_within else []
    sanitizing = [remove_overlap.submit(spec, splits, overlaps, place, *duplicates)]
    within_each = tuple(counted), tuple(duplicates or collect("group duplicates", grouping))
    (sanitized,) = collect("sanitize splits", sanitizing)
    found = Findings(spec, *loaded, splits, overlaps, *within_each, sanitized, ruling.verdict)
    if isinstance(spec, AuditSpec) and spec.group_by:
        sharing = [find_shared_groups.submit(spec.group_by, splits, overlaps, loaded, place)]
        found = replace(found, shared=collect("find shared groups", sharing)[0])
    return found


def rule(spec: ComparingSpec, joined: Sequence[Joined]) -> Ruling:
    """Judge the lowest similarity of duplicates, from similarities without a leak."""
    measuring, images = [find_baseline.submit(spec, joined, spec.place)], joined[0].pair.first.images
    work = [min(PICTURES, images // 4)] if spec.compared_by.on_pixels else ()
    (baseline,) = collect("measure the baseline", measuring, work, "images")
    judging = judge_twins.submit(spec, joined, baseline, spec.place)
    ruling = cast(Ruling, collect("judge twins", [judging])[0])
    if not ruling.verdict.told:
        say(ruling.verdict.warning)
    return ruling
