"""Raw splits -> overlap of every pair of splits, and duplicates inside each -> sanitized splits."""

from itertools import islice
from typing import Any, NamedTuple, cast

from prefect.futures import PrefectFuture

from flows.engine.declare import our_flow
from flows.engine.parameters import Unstored
from flows.engine.progress import collect, say
from tasks.overlap.bands import Bands, bands_for
from tasks.overlap.decided.tasks import apply_decisions, take_decisions
from tasks.overlap.tasks import (
    compare_tile,
    count_within,
    find_baseline,
    find_overlap,
    judge_twins,
    look_up,
    tiles_between,
)
from tasks.overlap.within.tasks import find_links, group_duplicates
from tasks.records import Decided, LoadedSources, Overlap, Prints, Sanitized, SplitDuplicates, Splits, Within
from tasks.records.spec import ComparingSpec, SearchSpec
from tasks.records.verdict import Verdict
from tasks.sanitizing.tasks import remove_overlap
from tasks.vocabulary import PAIRS, SPLITS, SplitName, ViewName


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
    joins = submit_joins(spec, view, prints, bands)
    inside = [name for name in SPLITS if splits[name].rows and within]
    links = [find_links.submit(spec, view, prints[name], bands, spec.place) for name in inside]
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


def submit_joins(
    spec: ComparingSpec, view: ViewName, prints: dict[SplitName, Prints], bands: Bands | None
) -> list[PrefectFuture[Any]]:
    """Start a task for each pair of splits; large ones are compared tile by tile before, a task each."""
    pairs = [(prints[first], prints[second]) for first, second in PAIRS]
    counts = [tiles_between(spec, view, *pair, bands) for pair in pairs]
    numbered = [(pair, tile) for pair, count in zip(pairs, counts, strict=True) for tile in range(count)]
    comparing = (compare_tile.submit(spec, view, *pair, bands, tile, spec.place) for pair, tile in numbered)
    tiles = iter(collect("compare tiles", comparing, len(numbered)) if numbered else ())
    return [
        find_overlap.submit(spec, view, *pair, bands, list(islice(tiles, count)), spec.place)
        for pair, count in zip(pairs, counts, strict=True)
    ]


def decisions_of(spec: SearchSpec) -> Decided | None:
    """Take what people decided into the workspace, if it is given."""
    if spec.decisions is None:
        return None
    (decided,) = collect("take decisions", [take_decisions.submit(str(spec.decisions), spec.place)])
    return cast(Decided, decided)
