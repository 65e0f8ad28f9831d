"""Sources -> archives -> shards and fingerprints -> raw splits."""

from typing import TypeVar

from flows.engine.declare import our_flow
from flows.engine.lost import again_in_one
from flows.engine.parameters import Unstored
from flows.engine.progress import collect, say
from flows.engine.runners import for_decoding
from flows.loading import load_classes
from tasks.classes.detection import detect
from tasks.classes.parts import parts_of
from tasks.classes.tasks import count_pending
from tasks.errors import UsageError
from tasks.records import LoadedSources, Splits
from tasks.records.spec import PrepareSpec, SourceSpec
from tasks.sources.class_folders import check_classes, differences
from tasks.sources.tasks import fetch, index
from tasks.splits.tasks import draw_splits
from tasks.storage.workspace import require_space

AnySpec = TypeVar("AnySpec", bound=SourceSpec)
AnyPrepareSpec = TypeVar("AnyPrepareSpec", bound=PrepareSpec)


@our_flow(name="prepare splits")
def prepare_splits(spec: AnyPrepareSpec) -> tuple[AnyPrepareSpec, LoadedSources, Splits]:
    """Fetch both sources, detect how to read them, load them class by class, and draw the splits."""
    if spec.in_groups:
        raise UsageError("prepare draws no grouped splits, which belong to what is found in them; use run or split.")
    spec, loaded = load_sources(spec)
    (splits,) = collect("draw splits", [draw_splits.submit(spec, loaded.shards, spec.place)])
    for note in splits.notes:
        say(note)
    return spec, loaded, splits


def load_sources(spec: AnySpec) -> tuple[AnySpec, LoadedSources]:
    """Bring the sources of a run or an audit here and load them class by class, inside the flow that calls it.

    Returns
    -------
    spec : SourceSpec
        With the view and the number of classes that the sources have.
    loaded : LoadedSources
    """
    place = spec.place
    columns = spec.columns_by_use
    fetching = [fetch.submit(role, name, columns, place) for role, name in spec.sources.items()]
    sources = collect("fetch sources", fetching)
    indexed = collect("index members", [index.submit(source, place) for source in sources])
    archives = [archive for found in indexed for archive in found]
    classes = check_classes(archives, spec.classes, spec.minimum, alike=spec.trains)
    for difference in differences(archives):
        say(difference)
    detected = detect(archives, spec, place)
    say(detected.sentence)
    reading = detected.reading
    spec = spec.settled(reading.view, reading.side, len(classes))
    parts = Unstored([part for archive in archives for part in parts_of(archive, classes, reading)])
    pending = count_pending(parts.value, reading, place)
    require_space(place, pending.stored, f"a run of {pending.images:,} images")
    runner = for_decoding(pending.work, spec)
    shards, fingerprints = again_in_one(load_classes, runner, spec, reading, parts, place)
    return spec, LoadedSources(reading, tuple(archives), tuple(shards), tuple(fingerprints))
