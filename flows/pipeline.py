"""The complete pipeline: prepare -> sanitize -> evaluate -> report."""

from flows.engine.declare import our_flow
from flows.engine.progress import timed
from flows.engine.runners import side_by_side
from flows.evaluate import train_on
from flows.grouped import draw_in_groups
from flows.prepare import load_sources, prepare_splits
from flows.publish import publish
from flows.sanitize import measure_and_sanitize
from flows.table import RUN
from tasks.records import Report
from tasks.records.spec import RunSpec
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


if __name__ == "__main__":
    cleansplit()
