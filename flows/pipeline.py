"""The whole story: prepare -> sanitize -> evaluate -> report."""

from flows.engine.declare import our_flow
from flows.engine.names import named_after
from flows.engine.parameters import Unstored, takes
from flows.engine.progress import timed
from flows.engine.runners import side_by_side
from flows.evaluate import compare_accuracy
from flows.grouped import draw_in_groups
from flows.prepare import load_sources, prepare_splits
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from tasks.records import Findings, RandomDraw, Report
from tasks.records.spec import RunSpec
from tasks.storage.workspace import in_use


@our_flow(name="cleansplit", flow_run_name=named_after("large", "small", otherwise="dataset"))
@takes(RunSpec)
def cleansplit(spec: RunSpec) -> Report:
    """Build splits, measure their overlap, write sanitized splits, and show what the overlap did to accuracy."""
    with timed() as seconds, in_use(spec.place, spec.fresh):
        random: RandomDraw | None = None
        if spec.in_groups:
            spec, loaded = load_sources(spec)
            splits, overlap, random = draw_in_groups(spec, loaded)
        else:
            spec, loaded, splits = prepare_splits.on(side_by_side(spec))(spec)
            overlap = measure_and_sanitize.on(side_by_side(spec))(spec, splits, Unstored(loaded))
        trained = compare_accuracy.on(side_by_side(spec))(spec, splits, overlap.overlaps, overlap.sanitized)
        found = Findings(spec, *loaded, splits, **overlap._asdict(), trained=trained, random=random)
        return publish(found, seconds)


if __name__ == "__main__":
    cleansplit()
