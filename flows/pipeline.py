"""The complete flows: sources -> splits -> their overlap -> sanitized splits -> report; two of them also train."""

from dataclasses import replace
from typing import cast

from flows.engine.declare import our_flow
from flows.engine.progress import collect, say, timed
from flows.engine.runners import side_by_side
from flows.evaluate import train_on
from flows.grouped import draw_in_groups
from flows.prepare import load_sources, prepare_splits
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from flows.table import AUDIT, DEDUPE, RUN, SPLIT
from tasks.errors import GateError, UndecidedError
from tasks.records import Benchmarks, Report
from tasks.records.spec import AuditSpec, DedupeSpec, RunSpec, SplitSpec
from tasks.reporting.tasks import publish_benchmarks
from tasks.splits.tasks import take_splits, take_whole
from tasks.storage.workspace import in_use


@our_flow(RUN)
def cleansplit(spec: RunSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        if spec.in_groups:
            spec, loaded = load_sources(spec)
            found = draw_in_groups(spec, loaded)
        else:
            spec, loaded, splits = prepare_splits(side_by_side(spec), spec)
            found = measure_and_sanitize(side_by_side(spec), spec, splits, loaded)
        return publish(train_on(spec, found), seconds)


@our_flow(SPLIT)
def split(spec: SplitSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        if not spec.models:
            say("nothing is trained, since there are fewer than two classes")
        return publish(train_on(spec, draw_in_groups(spec, loaded)), seconds)


@our_flow(DEDUPE)
def dedupe(spec: DedupeSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        (whole,) = collect("take images", [take_whole.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize(side_by_side(spec), spec, whole, loaded), seconds)


@our_flow(AUDIT)
def audit(spec: AuditSpec) -> Report | Benchmarks:
    with in_use(spec.place, spec.fresh):
        return _each(spec) if len(spec.tests) > 1 else _one(spec)


def _one(spec: AuditSpec) -> Report:
    with timed() as seconds:
        spec, loaded = load_sources(spec)
        (splits,) = collect("take splits", [take_splits.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize(side_by_side(spec), spec, splits, loaded), seconds)


def _each(spec: AuditSpec) -> Benchmarks:
    """Audit each test set as if it were the only one, so that no other changes its verdict; train is loaded once."""
    reports, failed = [], []
    for name in spec.tests:
        say(f"benchmark {name}")
        try:
            reports.append(_one(replace(spec, test=name)))
        except GateError as error:
            reports.append(error.report)
            failed.append(error)
    found = cast(Benchmarks, collect("publish benchmarks", [publish_benchmarks.submit(reports, spec.place)])[0])
    if failed:
        kind = UndecidedError if all(isinstance(error, UndecidedError) for error in failed) else GateError
        raise kind(" ".join(f"{error.report.spec.test}: {error}" for error in failed), found)
    return found


if __name__ == "__main__":
    cleansplit()
