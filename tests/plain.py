"""The flows without Prefect: their tasks in the same order, as plain functions.

They cost half as much, so tests use them where the subject is not the flow; see `tests.flows.test_plain`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from prefect.logging import disable_run_logger

from flows.engine.parameters import with_parameters_of
from flows.table import AUDIT, DEDUPE, RUN, SPLIT
from tasks.classes import tasks as decoding
from tasks.classes.detection import detect
from tasks.classes.shard import require_images
from tasks.evaluation.plan import batches, plan
from tasks.evaluation.tasks import find_compared, measure_effects, train_and_score
from tasks.overlap.judging import find_baseline, group_duplicates, judge_twins, settle_overlap
from tasks.overlap.tasks import find_overlap, look_up, take_decisions, take_embeddings
from tasks.records import (
    Decided,
    Findings,
    Fingerprints,
    Joined,
    LoadedSources,
    Measured,
    Overlap,
    Part,
    Reading,
    Report,
    Ruling,
    Shard,
    SplitPair,
    Trained,
    Training,
)
from tasks.records.spec import AuditSpec, PrepareSpec, SearchSpec
from tasks.reporting.gates import enforce_gates
from tasks.reporting.tasks import publish_report
from tasks.sources.layout import check_classes
from tasks.sources.pieces import parts_of
from tasks.sources.tasks import fetch, index
from tasks.splits.tasks import draw_grouped, draw_splits, find_shared_groups, remove_overlap, take_splits, take_whole
from tasks.storage import Place, at
from tasks.storage.decisions import NAME
from tasks.storage.workspace import in_use
from tasks.vocabulary import PAIRS, SPLITS


def record_of(state: Any) -> Any:
    """Return the record that a task ended with; raise its error."""
    if isinstance(state.data, Exception):
        raise state.data
    return state.data


def _run(spec: Any) -> Report:
    def find(spec: Any, loaded: LoadedSources) -> Findings:
        if spec.in_groups:
            return train(spec, draw_in_groups(spec, loaded))
        return train(spec, measure(spec, record_of(draw_splits.fn(spec, loaded.shards, spec.place)), loaded))

    return _published(spec, find)


def _split(spec: Any) -> Report:
    return _published(spec, lambda spec, loaded: train(spec, draw_in_groups(spec, loaded)))


def _audit(spec: Any) -> Report:
    return _published(
        spec, lambda spec, loaded: measure(spec, record_of(take_splits.fn(loaded.shards, spec.place)), loaded)
    )


def _dedupe(spec: Any) -> Report:
    return _published(
        spec, lambda spec, loaded: measure(spec, record_of(take_whole.fn(loaded.shards, spec.place)), loaded)
    )


run: Callable[..., Report] = with_parameters_of(RUN)(_run)
split: Callable[..., Report] = with_parameters_of(SPLIT)(_split)
audit: Callable[..., Report] = with_parameters_of(AUDIT)(_audit)
dedupe: Callable[..., Report] = with_parameters_of(DEDUPE)(_dedupe)


def _published(spec: Any, find: Callable[[Any, LoadedSources], Findings]) -> Report:
    with disable_run_logger(), in_use(spec.place, spec.fresh):
        report: Report = record_of(publish_report.fn(find(*load(spec)), {}, spec.place))
        enforce_gates(report)
        return report


def load(spec: Any) -> tuple[Any, LoadedSources]:
    """Load the sources of a specification."""
    place, links = spec.place, spec.follow_links and str(Place.of(spec.follow_links))
    given = spec.sources.items()
    sources = [record_of(fetch.fn(role, name, spec.columns_by_use, place, links)) for role, name in given]
    archives = [archive for source in sources for archive in record_of(index.fn(source, place))]
    classes = check_classes(archives, spec.classes, spec.minimum, alike=isinstance(spec, PrepareSpec))
    reading, _ = record_of(detect.fn(archives, spec, place))
    spec = spec.settled(reading.view, reading.side, len(classes))
    parts = [part for archive in archives for part in parts_of(archive, classes, reading)]
    pieces = [record_of(decoding.load_part.fn(part, reading, place)) for part in parts]
    shards, prints = [shard for shard, _ in pieces], [of_shard for _, of_shard in pieces]
    if reading.kind == "photographs":
        prints = _told_apart(reading, parts, shards, prints, place)
    require_images(archives, shards, place)
    decided = _decided(spec, prints)
    return spec, LoadedSources(reading, tuple(archives), tuple(shards), tuple(prints), decided)


def _told_apart(
    reading: Reading, parts: Sequence[Part], shards: list[Shard], prints: list[Fingerprints], place: Place
) -> list[Fingerprints]:
    """Decode photographs in full if a reduced scale does not decide whether they are identical."""
    doubts, counts = record_of(decoding.find_doubts.fn(shards, place))
    doubtful = [number for number, count in enumerate(counts) if count]
    in_full = [record_of(decoding.decode_in_full.fn(parts[n], n, doubts, reading, place)) for n in doubtful]
    corrected = record_of(decoding.correct_digests.fn(shards, in_full, place)) if in_full else None
    for n in doubtful if corrected else ():
        prints[n] = record_of(decoding.fingerprint_again.fn(parts[n], shards[n], reading, place, corrected))
    return prints


def _decided(spec: Any, prints: Sequence[Fingerprints]) -> Decided | None:
    asked = spec.decisions if isinstance(spec, SearchSpec) else None
    file = spec.place / NAME if asked is True else Place.of(asked) if asked else None
    if file is None or (asked is True and not at(file).exists()):
        return None
    decided: Decided = record_of(take_decisions.fn(str(file), prints, spec.place))
    return decided if decided.same + decided.different else None


def draw_in_groups(spec: Any, loaded: LoadedSources) -> Findings:
    """Draw splits that share no group, and random ones of the same sizes."""
    alone, place = spec.of_one_set(), spec.place
    whole = record_of(take_whole.fn(loaded.shards, place))
    prints = record_of(look_up.fn(whole.train, loaded.fingerprints, place))
    joined = record_of(find_overlap.fn(alone, SplitPair(prints, prints), (), place))
    ruling = joining = _ruled(alone, [joined])
    if spec.group_alike:
        asked = replace(ruling.verdict, threshold=alone.floor_percent / 100, reason="asked")
        joining = replace(ruling, verdict=asked)
    twins = record_of(group_duplicates.fn(alone, joined, joining, loaded.decided, place))
    between: tuple[Overlap, ...] = ()
    while True:
        splits = record_of(draw_grouped.fn(spec, loaded, twins, between, ruling, False, place))
        found = measure(spec, splits, loaded)
        shared = tuple(one for one in found.overlaps if any(of.either for of in one.directions))
        if not shared:
            break
        between += shared
    splits = record_of(draw_grouped.fn(spec, loaded, twins, between, ruling, True, place))
    random = measure(spec, splits, loaded, within=False)
    return replace(found, random=Measured(random.splits, random.overlaps, random.sanitized))


def train(spec: Any, found: Findings) -> Findings:
    """Train on splits, and on the random ones of grouped splits."""
    trained, random = _trained(spec, Measured(found.splits, found.overlaps, found.sanitized)), found.random
    if random is not None:
        sizes = [score.train_rows for score in trained.scores if score.train_rows <= random.splits.train.rows]
        random = replace(random, trained=_trained(spec, random, max(sizes, default=0)))
    return replace(found, spec=spec, trained=trained, random=random)


def _trained(spec: Any, measured: Measured, once_on: int | None = None) -> Trained:
    if not spec.models:
        return Trained()
    compared = record_of(find_compared.fn(measured, spec.place))
    plans = [Training(model, once_on, spec.seed, "with_twins") for model in spec.models if once_on]
    if once_on is None:
        plans = plan(spec, compared.usable, measured.splits.train.rows)
    if not plans:
        return Trained()
    done = [record_of(train_and_score.fn(spec, measured, compared, batch, spec.place)) for batch in batches(plans)]
    evaluations = [evaluation for batch in done for evaluation in batch]
    trained: Trained = record_of(measure_effects.fn(spec, measured, compared, evaluations, spec.place))
    return trained


def _ruled(spec: Any, joined: Sequence[Joined]) -> Ruling:
    baseline = record_of(find_baseline.fn(spec, joined, spec.place))
    ruling: Ruling = record_of(judge_twins.fn(spec, joined, baseline, spec.place))
    return ruling


def measure(spec: Any, splits: Any, loaded: LoadedSources, within: bool = True) -> Findings:
    """Measure the overlap and the duplicates within each split, and sanitize the splits."""
    place = spec.place
    prints = {name: record_of(look_up.fn(splits[name], loaded.fingerprints, place)) for name in SPLITS}
    if isinstance(spec, AuditSpec) and spec.embeddings:
        given = str(spec.embeddings)
        prints = {name: record_of(take_embeddings.fn(prints[name], given, place)) for name in SPLITS}
    between = [SplitPair(prints[first], prints[second]) for first, second in PAIRS]
    inside = [SplitPair(prints[name], prints[name]) for name in SPLITS if splits[name].rows and within]
    joined, alone = ([record_of(find_overlap.fn(spec, pair, (), place)) for pair in some] for some in (between, inside))
    ruling = splits.in_groups.ruling if splits.in_groups else _ruled(spec, alone if spec.joins_within else joined)
    overlaps = tuple(record_of(settle_overlap.fn(spec, one, ruling, loaded.decided, place)) for one in joined)
    grouped = tuple(record_of(group_duplicates.fn(spec, one, ruling, loaded.decided, place)) for one in alone)
    sanitized = record_of(remove_overlap.fn(spec, splits, overlaps, place, *(grouped if spec.joins_within else ())))
    counted = tuple(prints[name].within for name in SPLITS)
    about: dict[str, Any] = vars(loaded) | {"spec": spec, "within": counted, "duplicates": grouped}
    found = Findings(**about, splits=splits, overlaps=overlaps, sanitized=sanitized, verdict=ruling.verdict)
    if isinstance(spec, AuditSpec) and spec.group_by:
        shared = record_of(find_shared_groups.fn(spec.group_by, splits, overlaps, loaded, place))
        found = replace(found, shared=shared)
    return found
