"""The complete flows: sources -> splits -> their overlap -> sanitized splits -> report; and single steps of them."""

from dataclasses import replace
from pathlib import Path  # noqa: TID251  # users open the splits themselves
from typing import Any, cast

from flows.engine.declare import our_flow
from flows.engine.progress import collect, say, timed
from flows.engine.runners import runner_for
from flows.evaluate import train_on
from flows.prepare import decisions_of, index_sources, load_archives, load_sources, prepare_splits
from flows.publish import publish
from flows.sanitize import draw_in_groups, measure_and_sanitize
from flows.table import AUDIT, DEDUPE, EVALUATE, PREPARE, RUN, SANITIZE, SPLIT
from tasks.errors import GateError, UndecidedError, UsageError
from tasks.records import Benchmarks, LoadedSources, Report
from tasks.records import spec as specs
from tasks.records.spec_searching import check_agreement
from tasks.reporting.read import read_findings
from tasks.reporting.tasks import publish_benchmarks
from tasks.splits.tasks import take_splits, take_whole
from tasks.storage import disk
from tasks.storage.workspace import find_run, in_use


@our_flow(RUN)
def cleansplit(spec: specs.RunSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        if spec.in_groups:
            spec, loaded = load_sources(spec)
            found = draw_in_groups(spec, loaded)
        else:
            spec, loaded, splits = prepare_splits(runner_for(spec), spec)
            found = measure_and_sanitize(runner_for(spec), spec, splits, loaded)
        return publish(train_on(spec, found), seconds)


@our_flow(SPLIT)
def split(spec: specs.SplitSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        if not spec.models:
            say("nothing is trained, since there are fewer than two classes")
        return publish(train_on(spec, draw_in_groups(spec, loaded)), seconds)


@our_flow(DEDUPE)
def dedupe(spec: specs.DedupeSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        (whole,) = collect("take images", [take_whole.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize(runner_for(spec), spec, whole, loaded), seconds)


@our_flow(AUDIT)
def audit(spec: specs.AuditSpec) -> Report | Benchmarks:
    with in_use(spec.place, spec.fresh):
        if len(spec.tests) > 1:
            return _each(spec)
        with timed() as seconds:
            return _audited(*load_sources(spec), seconds)


def _audited(spec: specs.AuditSpec, loaded: LoadedSources, loading: dict[str, float]) -> Report:
    with timed() as seconds:
        (splits,) = collect("take splits", [take_splits.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize(runner_for(spec), spec, splits, loaded), loading | seconds)


def _each(spec: specs.AuditSpec) -> Benchmarks:
    """Audit each test set as if it were the only one, so that no other changes its verdict; train is loaded once.

    All are loaded before the first audit, so that one which cannot be read is named before the long work.
    """
    with timed() as seconds:
        tests = [replace(spec, test=name) for name in spec.tests]
        indexed = index_sources(*tests)
        loaded = []
        for one in tests:
            say(f"images of {one.test}")
            loaded.append(load_archives(one, indexed))
    reports, failed = [], []
    for one, images in loaded:
        say(f"benchmark {one.test}")
        try:
            reports.append(_audited(one, images, seconds))
        except GateError as error:
            reports.append(error.report)
            failed.append(error)
    found = cast(Benchmarks, collect("publish benchmarks", [publish_benchmarks.submit(reports, spec.place)])[0])
    if failed:
        kind = UndecidedError if all(isinstance(error, UndecidedError) for error in failed) else GateError
        raise kind(" ".join(f"{error.report.spec.test}: {error}" for error in failed), found)
    return found


@our_flow(PREPARE)
def prepare(spec: specs.PrepareSpec) -> Path:
    with in_use(spec.place, spec.fresh):
        _, _, splits = prepare_splits(runner_for(spec), spec)
        return disk.named((spec.place / splits.train.files[0]).parent)


@our_flow(SANITIZE)
def sanitize(spec: specs.SanitizeSpec) -> Report:
    found = read_findings(find_run(spec.run, spec.place))
    check_agreement(found.reading.view, spec.threshold)
    nothing_trained: dict[str, Any] = {"models": ()} if isinstance(found.spec, specs.TrainingSpec) else {}
    changed = replace(found.spec, **spec.changes(found.spec), **nothing_trained)
    splits = replace(found.splits, in_groups=None)  # duplicates are judged again
    with timed() as seconds, in_use(changed.place):
        decided = decisions_of(changed, found.fingerprints)
        loaded = LoadedSources(found.reading, found.archives, found.shards, found.fingerprints, decided)
        return publish(measure_and_sanitize(runner_for(spec), changed, splits, loaded), seconds)


@our_flow(EVALUATE)
def evaluate(spec: specs.EvaluateSpec) -> Report:
    found = read_findings(find_run(spec.run, spec.place))
    if not isinstance(found.spec, specs.TrainingSpec):
        raise UsageError(f"{spec.run} drew no splits, so nothing can be trained; name a run of `run` or `split`.")
    if len(found.splits.classes) < 2:
        raise UsageError(f"{spec.run} has fewer than two classes, so nothing can be trained; use another run.")
    changed = replace(found.spec, models=spec.models, sizes=spec.sizes, trainings=spec.trainings, **spec.how())
    with timed() as seconds, in_use(changed.place):
        return publish(train_on(changed, found), seconds)
