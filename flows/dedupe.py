"""One set -> groups of images that show the same -> which of them stay."""

from flows.engine.declare import our_flow
from flows.engine.names import named_after
from flows.engine.parameters import Unstored, takes
from flows.engine.progress import collect, timed
from flows.engine.runners import side_by_side
from flows.prepare import load_sources
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from tasks.records import Report
from tasks.records.spec import DedupeSpec
from tasks.splits.tasks import take_whole
from tasks.storage.workspace import in_use


@our_flow(name="dedupe", flow_run_name=named_after("source", doing="dedupe"))
@takes(DedupeSpec)
def dedupe(spec: DedupeSpec) -> Report:
    """Find the images of one set that show the same, and list which of them to keep and which to remove."""
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        (whole,) = collect("take images", [take_whole.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize.on(side_by_side(spec))(spec, whole, Unstored(loaded)), seconds)
