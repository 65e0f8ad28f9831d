"""Existing splits -> their overlap -> sanitized splits, without drawing or training."""

from flows.engine.declare import our_flow
from flows.engine.progress import collect, timed
from flows.engine.runners import side_by_side
from flows.prepare import load_sources
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from flows.table import AUDIT
from tasks.records import Report
from tasks.records.spec import AuditSpec
from tasks.splits.tasks import take_splits
from tasks.storage.workspace import in_use


@our_flow(AUDIT)
def audit(spec: AuditSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        (splits,) = collect("take splits", [take_splits.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize(side_by_side(spec), spec, splits, loaded), seconds)
