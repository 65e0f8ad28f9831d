"""All sources as one set -> groups -> splits that share none -> what random splits would have leaked and claimed."""

from dataclasses import replace
from typing import NamedTuple

from flows.engine.parameters import Unstored
from flows.engine.progress import collect, say
from flows.engine.runners import side_by_side
from flows.evaluate import compare_accuracy
from flows.joins import compare
from flows.sanitize import MeasuredOverlap, measure_and_sanitize, rule
from tasks.overlap.minhash import bands_for
from tasks.overlap.tasks import group_duplicates, look_up
from tasks.records import LoadedSources, Overlap, RandomDraw, Ruling, SplitDuplicates, SplitPair, Splits
from tasks.records.spec import TrainedSpec
from tasks.splits.tasks import draw_grouped, take_whole

ROUNDS = 5  # of drawing: twins that are found only between splits join their groups, and splits are drawn again


class Grouped(NamedTuple):
    """Images that belong together as duplicates, and the ruling that says what a duplicate is."""

    twins: SplitDuplicates
    ruling: Ruling


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
    comparing = compare_accuracy.on(side_by_side(spec))
    once = replace(spec, trainings=1, sizes=("all" if "all" in spec.sizes else max(spec.sizes),))
    trained = comparing(once, random, of_random.overlaps, of_random.sanitized)
    return splits, measured, RandomDraw(random, of_random.overlaps, of_random.sanitized, trained)


def group_all(spec: TrainedSpec, loaded: LoadedSources) -> Grouped:
    """Find the duplicates in all sources as one set, or what is alike, where that is to stay together as well."""
    alone, place, view = spec.of_one_set(), spec.place, loaded.reading.view
    bands = bands_for(alone, view)
    (whole,) = collect("take images", [take_whole.submit(loaded.shards, place)])
    (prints,) = collect("look up fingerprints", [look_up.submit(whole.train, loaded.fingerprints, place)])
    joined = compare(alone, view, [SplitPair(prints, prints)], bands)
    ruling = joining = rule(alone, view, joined, bands)
    if spec.group_alike:
        asked = replace(ruling.verdict, threshold=alone.floor_percent / 100, reason="asked")
        joining = replace(ruling, verdict=asked)
    grouping = [group_duplicates.submit(alone, view, joined[0], bands, joining, loaded.decided, place)]
    (twins,) = collect("group duplicates", grouping)
    return Grouped(twins, ruling)


def _draw(
    spec: TrainedSpec,
    loaded: LoadedSources,
    grouped: Grouped,
    found: tuple[Overlap, ...],
    at_random: bool = False,
) -> Splits:
    drawing = [draw_grouped.submit(spec, loaded, grouped.twins, found, grouped.ruling, at_random, spec.place)]
    (splits,) = collect("draw splits", drawing)
    return splits
