"""Sources -> archives -> letter shards and fingerprints -> raw splits."""

from dataclasses import dataclass

from prefect import flow

from flows.progress import collect, say
from flows.runners import for_decoding
from tasks.acquire.members import check_classes
from tasks.acquire.tasks import fetch, index
from tasks.letters.tasks import count_pending, fingerprint, load_letter
from tasks.records import Archive, Fingerprints, LetterShard, RunSpec, Splits
from tasks.splits.tasks import draw_splits


@dataclass(frozen=True)
class Prepared:
    """What the later flows need."""

    archives: tuple[Archive, ...]
    shards: tuple[LetterShard, ...]
    fingerprints: tuple[Fingerprints, ...]
    splits: Splits


@flow(name="prepare", validate_parameters=False)
def prepare(spec: RunSpec) -> Prepared:
    """Bring both sources here, load them letter by letter, and draw the splits."""
    sources = collect(
        "fetch sources", [fetch.submit(role, name, spec.workspace) for role, name in spec.sources.items()]
    )
    archives = collect("index members", [index.submit(source, spec.workspace) for source in sources])
    classes = check_classes(archives, spec.classes, {role: spec.minimum(role) for role in spec.sources})
    pending = count_pending(archives, spec.side, spec.workspace)
    load = load_letters.with_options(task_runner=for_decoding(pending, spec.workers))
    shards, fingerprints = load(spec, archives, classes)
    (splits,) = collect("draw splits", [draw_splits.submit(spec, shards, spec.workspace)])
    for note in splits.notes:
        say(note)
    return Prepared(tuple(archives), tuple(shards), tuple(fingerprints), splits)


@flow(name="load letters", validate_parameters=False)
def load_letters(
    spec: RunSpec, archives: list[Archive], classes: tuple[str, ...]
) -> tuple[list[LetterShard], list[Fingerprints]]:
    """Decode and fingerprint every letter of both sources in parallel."""
    loading = [
        load_letter.submit(archive, letter, label, spec.side, spec.workspace)
        for archive in archives
        for label, letter in enumerate(classes)
    ]
    printing = [fingerprint.submit(shard, spec.workspace) for shard in loading]
    return collect("load letters", loading), collect("fingerprint images", printing)
