"""Raw splits -> overlap of every pair of splits -> sanitized splits."""

from typing import NamedTuple

from prefect import flow

from flows.engine.parameters import Unstored
from flows.engine.progress import collect, say
from flows.prepare import LoadedSources
from tasks.overlap.bands import bands_for
from tasks.overlap.tasks import count_within, find_baseline, find_overlap, judge_twins
from tasks.records import Overlap, Sanitized, Splits, Within
from tasks.records.spec import OverlapSpec
from tasks.records.verdict import Verdict
from tasks.sanitizing.tasks import remove_overlap
from tasks.vocabulary import PAIRS, SPLITS


class MeasuredOverlap(NamedTuple):
    """What the overlap is, and the splits without it."""

    overlaps: tuple[Overlap, ...]
    within: tuple[Within, ...]
    sanitized: Sanitized
    verdict: Verdict


@flow(name="sanitize splits", flow_run_name="sanitize splits", validate_parameters=False)
def measure_and_sanitize(spec: OverlapSpec, splits: Splits, sources: Unstored[LoadedSources]) -> MeasuredOverlap:
    """Measure the overlap and write the splits without it."""
    loaded = sources.value
    prints, view, bands = loaded.fingerprints, loaded.reading.view, bands_for(spec, loaded.reading.view)
    joins = [find_overlap.submit(spec, view, splits[a], splits[b], prints, bands, spec.place) for a, b in PAIRS]
    counts = [count_within.submit(splits[name], prints, spec.place) for name in SPLITS]
    baseline = find_baseline.submit(spec, view, splits, prints, bands, spec.place)
    joined, within = collect("find overlap", joins), collect("count distinct", counts)
    verdicts = collect("judge twins", [judge_twins.submit(spec, view, joined, baseline, spec.place)])
    ((verdict, overlaps),) = verdicts
    if not verdict.told:
        say(verdict.warning)
    (sanitized,) = collect("sanitize splits", [remove_overlap.submit(spec, view, splits, overlaps, spec.place)])
    return MeasuredOverlap(overlaps, tuple(within), sanitized, verdict)
