"""Splits that exist -> their overlap -> sanitized splits: nothing is drawn, nothing is trained."""

from flows.engine.declare import our_flow
from flows.engine.names import named_after
from flows.engine.parameters import Unstored, takes
from flows.engine.progress import collect, timed
from flows.engine.runners import side_by_side
from flows.prepare import load_sources
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from tasks.records import Report
from tasks.records.spec import AuditSpec
from tasks.splits.tasks import take_splits
from tasks.storage.workspace import in_use


@our_flow(name="audit", flow_run_name=named_after("root", "train", "validation", "test", doing="audit"))
@takes(AuditSpec)
def audit(spec: AuditSpec) -> Report:
    """Measure the overlap between existing splits, and write the splits without it."""
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        (splits,) = collect("take splits", [take_splits.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize.on(side_by_side(spec))(spec, splits, Unstored(loaded)), seconds)
