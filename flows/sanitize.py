"""Raw splits -> overlap of every pair of splits, and duplicates inside each -> sanitized splits."""

from typing import Any, NamedTuple, cast

from flows.engine.declare import our_flow
from flows.engine.parameters import Unstored
from flows.engine.progress import collect, say
from flows.joins import submit_comparisons
from tasks.overlap.bands import bands_for
from tasks.overlap.decided.tasks import apply_decisions, take_decisions
from tasks.overlap.tasks import count_within, find_baseline, judge_twins, look_up
from tasks.overlap.within.tasks import group_duplicates
from tasks.records import Decided, LoadedSources, Overlap, Sanitized, SplitDuplicates, Splits, Within
from tasks.records.spec import ComparingSpec, SearchSpec
from tasks.records.verdict import Verdict
from tasks.sanitizing.tasks import remove_overlap
from tasks.vocabulary import PAIRS, SPLITS


class MeasuredOverlap(NamedTuple):
    """What the overlap is, and the splits without it."""

    overlaps: tuple[Overlap, ...]
    within: tuple[Within, ...]
    duplicates: tuple[SplitDuplicates, ...]
    sanitized: Sanitized
    verdict: Verdict
    decided: Decided | None


@our_flow(name="sanitize splits")
def measure_and_sanitize(
    spec: ComparingSpec, splits: Splits, sources: Unstored[LoadedSources], within: bool = True
) -> MeasuredOverlap:
    """Measure the overlap, and within each split if that is wanted, and write the splits without it."""
    loaded = sources.value
    decided = decisions_of(spec)
    view, bands = loaded.reading.view, bands_for(spec, loaded.reading.view)
    looking = [look_up.submit(splits[name], loaded.fingerprints, spec.place) for name in SPLITS]
    prints = dict(zip(SPLITS, collect("look up fingerprints", looking), strict=True))
    inside = [name for name in SPLITS if splits[name].rows and within]
    pairs = [(prints[first], prints[second]) for first, second in PAIRS]
    joins, links = submit_comparisons(spec, view, pairs, [prints[name] for name in inside], bands)
    counts = [count_within.submit(prints[name], spec.place) for name in SPLITS]
    if splits.in_groups:
        by: Any = splits.in_groups.verdict
    else:
        by = find_baseline.submit(spec, view, list(prints.values()), bands, spec.place)
    joined, linked = collect("find overlap", joins), collect("compare within", links)
    counted = collect("count distinct", counts)
    judging = [judge_twins.submit(spec, view, joined, next(iter(linked), None), by, spec.place)]
    ((verdict, overlaps),) = collect("judge twins", judging)
    if not verdict.told:
        say(verdict.warning)
    if decided:
        settling = [
            apply_decisions.submit(spec, view, (prints[a], prints[b]), join, verdict, decided, spec.place)
            for (a, b), join in zip(PAIRS, joined, strict=True)
        ]
        overlaps = tuple(collect("apply decisions", settling))
    grouping = [
        group_duplicates.submit(spec, view, prints[name], of, verdict, decided, spec.place)
        for name, of in zip(inside, linked, strict=True)
    ]
    sanitizing = [remove_overlap.submit(spec, view, splits, overlaps, spec.place)]
    duplicates, (sanitized,) = collect("group duplicates", grouping), collect("sanitize splits", sanitizing)
    return MeasuredOverlap(overlaps, tuple(counted), tuple(duplicates), sanitized, verdict, decided)


def decisions_of(spec: SearchSpec) -> Decided | None:
    """Take what people decided into the workspace, if it is given."""
    if spec.decisions is None:
        return None
    (decided,) = collect("take decisions", [take_decisions.submit(str(spec.decisions), spec.place)])
    return cast(Decided, decided)
