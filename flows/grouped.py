"""All sources as one set -> groups -> splits that share none -> what random splits would have leaked and claimed."""

from dataclasses import replace
from typing import cast

from flows.engine.progress import collect, say
from flows.engine.runners import side_by_side
from flows.sanitize import compare, measure_and_sanitize, rule
from tasks.overlap.judging import group_duplicates
from tasks.overlap.tasks import look_up
from tasks.records import Findings, LoadedSources, Measured, Overlap, Ruling, SplitDuplicates, SplitPair, Splits
from tasks.records.spec import TrainedSpec
from tasks.splits.tasks import draw_grouped, take_whole

ROUNDS = 5  # of drawing: duplicates found only between splits join their groups, and splits are drawn again


def draw_in_groups(spec: TrainedSpec, loaded: LoadedSources) -> Findings:
    """Draw splits that share no group, measure them and random ones of the same sizes, inside the calling flow."""
    twins, ruling = group_all(spec, loaded)

    def draw(between: tuple[Overlap, ...], at_random: bool = False) -> Splits:
        drawing = [draw_grouped.submit(spec, loaded, twins, between, ruling, at_random, spec.place)]
        return cast(Splits, collect("draw splits", drawing)[0])

    runner = side_by_side(spec)
    between: tuple[Overlap, ...] = ()
    for _ in range(ROUNDS):
        found: Findings = measure_and_sanitize(runner, spec, draw(between), loaded)
        shared = tuple(one for one in found.overlaps if any(of.either for of in one.directions))
        if not shared:
            break
        between += shared
    say(*found.splits.notes)
    random = measure_and_sanitize(runner, spec, draw(between, at_random=True), loaded, within=False)
    return replace(found, random=Measured(random.splits, random.overlaps, random.sanitized))


def group_all(spec: TrainedSpec, loaded: LoadedSources) -> tuple[SplitDuplicates, Ruling]:
    """Rule on duplicates in all sources as one set; find them, and similar images if these must stay together."""
    alone, place = spec.of_one_set(), spec.place
    (whole,) = collect("take images", [take_whole.submit(loaded.shards, place)])
    (prints,) = collect("look up fingerprints", [look_up.submit(whole.train, loaded.fingerprints, place)])
    joined = compare(alone, [SplitPair(prints, prints)])
    ruling = joining = rule(alone, joined)
    if spec.group_alike:
        asked = replace(ruling.verdict, threshold=alone.floor_percent / 100, reason="asked")
        joining = replace(ruling, verdict=asked)
    grouping = [group_duplicates.submit(alone, joined[0], joining, loaded.decided, place)]
    (twins,) = collect("group duplicates", grouping)
    return twins, ruling
