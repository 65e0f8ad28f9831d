"""Sources -> archives -> letter shards and fingerprints -> raw splits."""

from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.closing import close_tasks
from flows.failure import in_one_sentence
from flows.progress import collect, say
from flows.runners import for_decoding, threads
from tasks.acquire.members import check_classes
from tasks.acquire.tasks import fetch, index
from tasks.errors import ProcessLostError
from tasks.letters.tasks import count_pending, fingerprint, load_letter
from tasks.records import Archive, Fingerprints, LetterShard, Splits
from tasks.spec import RunSpec, Spec
from tasks.splits.tasks import draw_splits
from tasks.workspace import require_space

STORED_PER_BYTE = 2.5  # what stages and run take, per byte of the images' files; measured: 1.4 to 2.4


class Loaded(NamedTuple):
    """Sources letter by letter."""

    archives: tuple[Archive, ...]
    shards: tuple[LetterShard, ...]
    fingerprints: tuple[Fingerprints, ...]


@flow(name="prepare splits", flow_run_name="prepare splits", validate_parameters=False)
def prepare(spec: RunSpec) -> tuple[Loaded, Splits]:
    """Bring both sources here, load them letter by letter, and draw the splits."""
    loaded = load_sources(spec)
    (splits,) = collect("draw splits", [draw_splits.submit(spec, loaded.shards, spec.workspace)])
    for note in splits.notes:
        say(note)
    return loaded, splits


def load_sources(spec: Spec) -> Loaded:
    """Bring the sources of a run or an audit here and load them letter by letter, inside the flow that calls it."""
    roles = spec.sources
    sources = collect("fetch sources", [fetch.submit(role, name, spec.workspace) for role, name in roles.items()])
    archives = collect("index members", [index.submit(source, spec.workspace) for source in sources])
    classes = check_classes(archives, spec.classes, {role: spec.minimum(role) for role in roles})
    images, size = count_pending(archives, spec.side, spec.workspace)
    require_space(spec.workspace, round(STORED_PER_BYTE * size), f"a run of {images:,} images")
    try:
        load = load_letters.with_options(task_runner=for_decoding(images, spec))
        shards, fingerprints = load(spec, archives, classes)
    except ProcessLostError as lost:
        say(f"{lost} Loading again in one process.")
        shards, fingerprints = load_letters.with_options(task_runner=threads(1))(spec, archives, classes)
    return Loaded(tuple(archives), tuple(shards), tuple(fingerprints))


@flow(name="load letters", flow_run_name="load letters", validate_parameters=False)
@in_one_sentence
def load_letters(
    spec: Spec, archives: list[Archive], classes: tuple[str, ...]
) -> tuple[list[LetterShard], list[Fingerprints]]:
    """Decode and fingerprint every letter of every source in parallel."""
    loading = [
        load_letter.submit(archive, letter, label, spec.side, spec.workspace)
        for archive in archives
        for label, letter in enumerate(classes)
    ]
    printing = [fingerprint.submit(shard, spec.workspace) for shard in loading]
    try:
        return collect("load letters", loading), collect("fingerprint images", printing)
    except BrokenProcessPool as error:
        lost = ProcessLostError("A process was ended from outside while it decoded, perhaps for want of memory.")
        with get_client(sync_client=True) as client:
            close_tasks([UUID(str(flow_run.id))], Crashed(message=str(lost)), client)
        raise lost from error
