"""Existing splits -> their overlap -> sanitized splits, without drawing or training."""

from dataclasses import replace
from typing import cast

from flows.engine.declare import our_flow
from flows.engine.progress import collect, say, timed
from flows.engine.runners import side_by_side
from flows.prepare import load_sources
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from flows.table import AUDIT
from tasks.errors import GateError, UndecidedError
from tasks.records import Benchmarks, Report
from tasks.records.spec import AuditSpec
from tasks.reporting.tasks import publish_benchmarks
from tasks.splits.tasks import take_splits
from tasks.storage.workspace import in_use


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
