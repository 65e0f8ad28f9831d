"""One set -> groups of duplicates -> which images of them stay."""

from flows.engine.declare import our_flow
from flows.engine.progress import collect, timed
from flows.engine.runners import side_by_side
from flows.prepare import load_sources
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from flows.table import DEDUPE
from tasks.records import Report
from tasks.records.spec import DedupeSpec
from tasks.splits.tasks import take_whole
from tasks.storage.workspace import in_use


@our_flow(DEDUPE)
def dedupe(spec: DedupeSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        (whole,) = collect("take images", [take_whole.submit(loaded.shards, spec.place)])
        return publish(measure_and_sanitize(side_by_side(spec), spec, whole, loaded), seconds)
