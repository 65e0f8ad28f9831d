"""Sources -> archives -> letter shards and fingerprints -> raw splits."""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple, TypeVar
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
from tasks.letters.look import look_at
from tasks.letters.tasks import count_pending, fingerprint, load_letter
from tasks.records import Archive, Fingerprints, LetterShard, Reading, Splits
from tasks.spec import RunSpec, Spec
from tasks.splits.tasks import draw_splits
from tasks.workspace import require_space

AnySpec = TypeVar("AnySpec", bound=Spec)


class Loaded(NamedTuple):
    """Sources letter by letter."""

    archives: tuple[Archive, ...]
    shards: tuple[LetterShard, ...]
    fingerprints: tuple[Fingerprints, ...]


@flow(name="prepare splits", flow_run_name="prepare splits", validate_parameters=False)
def prepare(spec: RunSpec) -> tuple[RunSpec, Loaded, Splits]:
    """Bring both sources here, settle what they are, load them letter by letter, and draw the splits."""
    spec, loaded = load_sources(spec)
    (splits,) = collect("draw splits", [draw_splits.submit(spec, loaded.shards, spec.workspace)])
    for note in splits.notes:
        say(note)
    return spec, loaded, splits


def load_sources(spec: AnySpec) -> tuple[AnySpec, Loaded]:
    """Bring the sources of a run or an audit here and load them letter by letter, inside the flow that calls it.

    Returns
    -------
    spec : Spec
        With the view and the number of classes that the sources have.
    loaded : Loaded
    """
    roles = spec.sources
    sources = collect("fetch sources", [fetch.submit(role, name, spec.workspace) for role, name in roles.items()])
    archives = collect("index members", [index.submit(source, spec.workspace) for source in sources])
    classes = check_classes(archives, spec.classes, {role: spec.minimum(role) for role in roles})
    seen = look_at(archives, spec.view, spec.side)
    say(seen.sentence)
    spec = spec.settled(seen.view, seen.side, len(classes))
    reading = Reading(seen.kind, seen.view, seen.side, spec.also, spec.scaled)
    pending = count_pending(archives, reading, spec.workspace)
    require_space(spec.workspace, pending.stored, f"a run of {pending.images:,} images")
    try:
        load = load_letters.with_options(task_runner=for_decoding(pending.work, spec))
        shards, fingerprints = load(reading, archives, classes, spec.workspace)
    except ProcessLostError as lost:
        say(f"{lost} Loading again in one process.")
        load = load_letters.with_options(task_runner=threads(1))
        shards, fingerprints = load(reading, archives, classes, spec.workspace)
    return spec, Loaded(tuple(archives), tuple(shards), tuple(fingerprints))


@flow(name="load letters", flow_run_name="load letters", validate_parameters=False)
@in_one_sentence
def load_letters(
    reading: Reading, archives: list[Archive], classes: tuple[str, ...], workspace: Path
) -> tuple[list[LetterShard], list[Fingerprints]]:
    """Decode and fingerprint every letter of every source in parallel."""
    loading = [
        load_letter.submit(archive, letter, label, reading, workspace)
        for archive in archives
        for label, letter in enumerate(classes)
    ]
    printing = [fingerprint.submit(shard, reading, workspace) for shard in loading]
    try:
        return collect("load letters", loading), collect("fingerprint images", printing)
    except BrokenProcessPool as error:
        lost = ProcessLostError("A process was ended from outside while it decoded, perhaps for want of memory.")
        with get_client(sync_client=True) as client:
            close_tasks([UUID(str(flow_run.id))], Crashed(message=str(lost)), client)
        raise lost from error
