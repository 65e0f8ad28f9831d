"""Raw splits -> overlap of every pair of splits, and duplicates inside each -> sanitized splits.

Splits are compared with each other and with themselves, one task per pair, or for large ones one task per tile first.
Grouped splits are drawn here, too: from all sources as one set, and again where their overlap shows further duplicates.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, cast

from flows.engine.declare import subflow
from flows.engine.progress import collect, say
from flows.engine.runners import Workers, for_tiles, retry_serially, runner_for
from tasks.kernel import NUMPY
from tasks.overlap.baseline import PICTURES
from tasks.overlap.join import Slices
from tasks.overlap.judging import find_baseline, group_duplicates, judge_twins, settle_overlap
from tasks.overlap.tasks import compare_tile, find_overlap, look_up, take_embeddings, tiles_of
from tasks.records import Findings, Joined, LoadedSources, Measured, Ruling, SplitDuplicates, SplitPair, Splits
from tasks.records.overlaps import Overlap, Tile
from tasks.records.report import AnySpec
from tasks.records.spec import AuditSpec, ComparingSpec, TrainedSpec
from tasks.splits.tasks import draw_grouped, find_shared_groups, remove_overlap, take_whole
from tasks.vocabulary import PAIRS, SPLITS

ROUNDS = 5  # of drawing: duplicates found only between splits join their groups, and splits are drawn again
FEW = 5_000  # photographs that threads search in less time than processes need to start
SLOWER = "numpy compares the images, several times more slowly: install cleansplit with a C compiler to use the kernel."


def draw_in_groups(spec: TrainedSpec, loaded: LoadedSources) -> Findings:
    """Draw splits that share no group, measure them and random ones of the same sizes, inside the calling flow."""
    twins, ruling, searched = group_all(spec, loaded)

    def draw(between: tuple[Overlap, ...], at_random: bool = False) -> Splits:
        drawing = [draw_grouped.submit(spec, loaded, twins, between, ruling, at_random, spec.place)]
        return cast(Splits, collect("draw splits", drawing)[0])

    runner = runner_for(spec)
    between: tuple[Overlap, ...] = ()
    for _ in range(ROUNDS):
        found: Findings = measure_and_sanitize(runner, spec, draw(between), loaded)
        searched += found.names
        shared = tuple(one for one in found.overlaps if any(of.either for of in one.directions))
        if not shared:
            break
        between += shared
    say(*found.splits.notes)
    random = measure_and_sanitize(runner, spec, draw(between, at_random=True), loaded, within=False)
    leaking = Measured(random.splits, random.overlaps, random.sanitized)
    return replace(found, random=leaking, searched=tuple(sorted({*searched, *random.names})))


def group_all(spec: TrainedSpec, loaded: LoadedSources) -> tuple[SplitDuplicates, Ruling, list[str]]:
    """Group duplicates, or similar images, of all sources as one set; return them, the ruling and searched names."""
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
    searched = [*whole.train.files, *joined[0].folders, ruling.folder, ruling.baseline.folder, str(twins.folder)]
    return twins, ruling, searched


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
    if any(engine == NUMPY for join in joined for engine, _ in join.computed_by):
        say(SLOWER)
    joins, alone = joined[: len(between)], joined[len(between) :]
    ruling = splits.in_groups.ruling if splits.in_groups else rule(spec, alone if spec.joins_within else joins)
    settling = [settle_overlap.submit(spec, join, ruling, loaded.decided, place) for join in joins]
    grouping = [group_duplicates.submit(spec, join, ruling, loaded.decided, place) for join in alone]
    overlaps = tuple(collect("settle overlap", settling))
    duplicates = collect("group duplicates", grouping) if spec.joins_within else []
    sanitizing = [remove_overlap.submit(spec, splits, overlaps, place, *duplicates)]
    counted = tuple(prints[name].within for name in SPLITS)
    grouped = tuple(duplicates or collect("group duplicates", grouping))
    (sanitized,) = collect("sanitize splits", sanitizing)
    about: dict[str, Any] = vars(loaded) | {"spec": spec, "within": counted, "duplicates": grouped}
    about["searched"] = (ruling.folder, ruling.baseline.folder, *(name for join in joined for name in join.folders))
    found = Findings(**about, splits=splits, overlaps=overlaps, sanitized=sanitized, verdict=ruling.verdict)
    if isinstance(spec, AuditSpec) and spec.group_by:
        sharing = [find_shared_groups.submit(spec.group_by, splits, overlaps, loaded, place)]
        found = replace(found, shared=collect("find shared groups", sharing)[0])
    return found


def rule(spec: ComparingSpec, joined: Sequence[Joined]) -> Ruling:
    """Judge the lowest similarity of duplicates, from similarities without a leak."""
    measuring, images = [find_baseline.submit(spec, joined, spec.place)], joined[0].pair.first.images
    work = [min(PICTURES, images // 4)] if spec.compared_by.on_pixels else ()
    (baseline,) = collect("measure the baseline", measuring, work, "images")
    ruling = cast(Ruling, collect("judge matches", [judge_twins.submit(spec, joined, baseline, spec.place)])[0])
    if ruling.verdict.warning:
        say(ruling.verdict.warning)
    return ruling


@subflow("compare tiles")
def compare_tiles(spec: ComparingSpec, tiles: list[tuple[SplitPair, int, Slices]]) -> list[Tile]:
    """Compare slices of splits, numbered in their pair, with slices of others or of their own, one task each."""
    comparing = (compare_tile.submit(spec, pair, number, slices, spec.place) for pair, number, slices in tiles)
    work = [len(slices[pair.searched(spec.protect)]) for pair, _, slices in tiles]
    return collect("compare tiles", comparing, work, "images")


def compare(spec: ComparingSpec, pairs: Sequence[SplitPair]) -> list[Joined]:
    """Compare the images of pairs of splits, or of splits with themselves."""
    searched = sum(min(pair.first.rows, pair.second.rows) for pair in pairs)
    cut = [tiles_of(spec, pair, spec.compared_by.on_pixels and searched > FEW) for pair in pairs]
    tiles = [(pair, *tile) for pair, slices in zip(pairs, cut, strict=True) for tile in enumerate(slices)]
    compared: list[Tile] = []
    if tiles:
        images = max(len(some) for _, _, tile in tiles for some in tile)
        workers = for_tiles(images, spec) if spec.compared_by.on_pixels else Workers(runner_for(spec))
        compared = retry_serially(lambda runner: compare_tiles(runner, spec, tiles), workers, spec)
    found = iter(compared)
    joining = [
        find_overlap.submit(spec, pair, list(islice(found, len(slices))), spec.place)
        for pair, slices in zip(pairs, cut, strict=True)
    ]
    return collect("find overlap", joining, [0 if tiles else _images(spec, pair) for pair in pairs], "images")


def _images(spec: ComparingSpec, pair: SplitPair) -> int:
    both = pair.first.images, pair.second.images
    return both[pair.searched(spec.protect)] if all(both) else 0
