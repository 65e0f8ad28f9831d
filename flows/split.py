"""One set -> train, validation and test that share no group -> what random splits would have leaked and claimed."""

from flows.engine.declare import our_flow
from flows.engine.progress import say, timed
from flows.evaluate import train_on
from flows.grouped import draw_in_groups
from flows.prepare import load_sources
from flows.publish import publish
from flows.table import SPLIT
from tasks.records import Report
from tasks.records.spec import SplitSpec
from tasks.storage.workspace import in_use


@our_flow(SPLIT)
def split(spec: SplitSpec) -> Report:
    with timed() as seconds, in_use(spec.place, spec.fresh):
        spec, loaded = load_sources(spec)
        if not spec.models:
            say("nothing is trained, since there are fewer than two classes")
        return publish(train_on(spec, draw_in_groups(spec, loaded)), seconds)
