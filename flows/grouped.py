"""All sources as one set -> groups -> splits that share none -> what random splits would have leaked and claimed."""

from dataclasses import replace
from typing import NamedTuple

from flows.engine.parameters import Unstored
from flows.engine.progress import collect, say
from flows.engine.runners import side_by_side
from flows.evaluate import compare_accuracy
from flows.joins import submit_comparisons
from flows.sanitize import MeasuredOverlap, decisions_of, measure_and_sanitize
from tasks.overlap.bands import bands_for
from tasks.overlap.tasks import find_baseline, judge_twins, look_up
from tasks.overlap.within.tasks import group_duplicates
from tasks.records import LoadedSources, Overlap, RandomDraw, SplitDuplicates, Splits
from tasks.records.spec import TrainedSpec
from tasks.records.verdict import Verdict
from tasks.splits.tasks import draw_grouped, take_whole
from tasks.vocabulary import SPLITS

ROUNDS = 5  # of drawing: twins that are found only between splits join their groups, and splits are drawn again


class Grouped(NamedTuple):
    """Images that belong together as twins, and the verdict that says what a twin is."""

    twins: SplitDuplicates
    verdict: Verdict


def draw_in_groups(spec: TrainedSpec, loaded: LoadedSources) -> tuple[Splits, MeasuredOverlap, RandomDraw]:
    """Draw splits that share no group, measure that, and do so with random splits, inside the flow that calls it."""
    grouped = group_all(spec, loaded)
    measure = measure_and_sanitize.on(side_by_side(spec))
    found: tuple[Overlap, ...] = ()
    for _ in range(ROUNDS):
        splits = _draw(spec, loaded, grouped, found)
        measured = measure(spec, splits, Unstored(loaded))
        shared = tuple(one for one in measured.overlaps if any(of.either for of in one.directions))
        if not shared:
            break
        found += shared
    for note in splits.notes:
        say(note)
    random = _draw(spec, loaded, grouped, (), at_random=True)
    of_random = measure(spec, random, Unstored(loaded), within=False)
    compare = compare_accuracy.on(side_by_side(spec))
    once = replace(spec, trainings=1, sizes=("all" if "all" in spec.sizes else max(spec.sizes),))
    trained = compare(once, random, of_random.overlaps, of_random.sanitized)
    return splits, measured, RandomDraw(random, of_random.overlaps, of_random.sanitized, trained)


def group_all(spec: TrainedSpec, loaded: LoadedSources) -> Grouped:
    """Find the twins in all sources as one set, or what is alike, where that is to stay together as well."""
    alone, place, view = spec.of_one_set(), spec.place, loaded.reading.view
    bands = bands_for(alone, view)
    (whole,) = collect("take images", [take_whole.submit(loaded.shards, place)])
    looking = [look_up.submit(whole[name], loaded.fingerprints, place) for name in SPLITS]
    prints, *nothing = collect("look up fingerprints", looking)
    baseline = find_baseline.submit(alone, view, [prints, *nothing], bands, place)
    _, links = submit_comparisons(alone, view, [], [prints], bands)
    (linked,) = collect("compare within", links)
    judging = [judge_twins.submit(alone, view, (), linked, baseline, place)]
    ((verdict, _),) = collect("judge twins", judging)
    if not verdict.told:
        say(verdict.warning)
    joining = replace(verdict, threshold=alone.floor_percent / 100) if spec.group_alike else verdict
    decided = decisions_of(spec)
    grouping = [group_duplicates.submit(alone, view, prints, linked, joining, decided, place)]
    (twins,) = collect("group duplicates", grouping)
    return Grouped(twins, verdict)


def _draw(
    spec: TrainedSpec,
    loaded: LoadedSources,
    grouped: Grouped,
    found: tuple[Overlap, ...],
    at_random: bool = False,
) -> Splits:
    drawing = [draw_grouped.submit(spec, loaded, grouped.twins, found, grouped.verdict, at_random, spec.place)]
    (splits,) = collect("draw splits", drawing)
    return splits
