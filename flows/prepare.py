"""Sources -> archives -> shards and fingerprints -> raw splits."""

from collections.abc import Sequence
from shlex import quote
from typing import TypeVar

from flows.engine.declare import subflow
from flows.engine.progress import collect, say
from flows.engine.runners import for_decoding, retry_serially
from tasks.classes import tasks as decoding
from tasks.classes.detection import detect
from tasks.classes.shard import require_images
from tasks.errors import UsageError
from tasks.overlap.tasks import take_decisions
from tasks.records import Archive, Decided, Fingerprints, LoadedSources, Part, Reading, Shard, Splits
from tasks.records.spec import PrepareSpec, SearchSpec, SourceSpec
from tasks.records.spec_searching import ArrivalsSpec
from tasks.sources.layout import check_classes, differences
from tasks.sources.pieces import parts_of
from tasks.sources.tasks import fetch, index
from tasks.splits.group_names import names_of_groups
from tasks.splits.tasks import draw_splits
from tasks.storage import Place, at
from tasks.storage.decisions import NAME
from tasks.storage.disk import require_space
from tasks.storage.image_files import read_ids
from tasks.vocabulary import Role

AnySpec = TypeVar("AnySpec", bound=SourceSpec)
AnyPrepareSpec = TypeVar("AnyPrepareSpec", bound=PrepareSpec)
Indexed = dict[tuple[Role, str], list[Archive]]  # the archives of each source, by its role and name


@subflow("prepare splits")
def prepare_splits(spec: AnyPrepareSpec) -> tuple[AnyPrepareSpec, LoadedSources, Splits]:
    """Fetch both sources, detect how to read them, load them class by class, and draw the splits."""
    if spec.in_groups:
        raise UsageError("prepare cannot draw grouped splits, which depend on the duplicates found; use run or split.")
    spec, loaded = load_sources(spec)
    (splits,) = collect("draw splits", [draw_splits.submit(spec, loaded.shards, spec.place)])
    say(*splits.notes)
    return spec, loaded, splits


def load_sources(spec: AnySpec) -> tuple[AnySpec, LoadedSources]:
    """Fetch the sources of a run or an audit and load them class by class, inside the calling flow.

    The returned specification has the view and the number of classes of the sources.
    """
    return load_archives(spec, index_sources(spec))


def index_sources(*specs: SourceSpec) -> Indexed:
    """Fetch the sources of one or several audits, which read them in the same way, and index their members."""
    spec, named = specs[0], list(dict.fromkeys(pair for each in specs for pair in each.sources.items()))
    place, links = spec.place, spec.follow_links and str(Place.of(spec.follow_links))
    columns = dict(entry.split("=", 1) for entry in spec.columns)  # use of a column -> its name
    how = (columns, place, links, spec.masks_as_images)
    sources = collect("fetch sources", [fetch.submit(role, name, *how) for role, name in named])
    indexed = collect("index members", [index.submit(source, place) for source in sources])
    return dict(zip(named, indexed, strict=True))


def load_archives(spec: AnySpec, indexed: Indexed) -> tuple[AnySpec, LoadedSources]:
    """Load the indexed sources of a run or an audit class by class; see `load_sources`."""
    place = spec.place
    archives = [archive for named in spec.sources.items() for archive in indexed[named]]
    classes = check_classes(archives, spec.classes, spec.minimum, alike=isinstance(spec, PrepareSpec))
    say(*dict.fromkeys(note for archive in archives for note in archive.notes), *differences(archives))
    if getattr(spec, "group_by", "") is None:
        say(*dict.fromkeys(_told_of_groups(archive) for archive in archives if archive.group_column))
    ((reading, why),) = collect("look at a sample", [detect.submit(archives, spec, place)])
    say(why)
    spec = spec.settled(reading.view, reading.side, len(classes))
    parts = [part for archive in archives for part in parts_of(archive, classes, reading)]
    images, stored, work = decoding.count_pending(parts, reading, place)
    require_space(place, stored, f"a run of {images:,} images")
    workers = for_decoding(work, spec)
    shards, fingerprints = retry_serially(lambda runner: load_classes(runner, reading, parts, place), workers, spec)
    require_images(archives, shards, place)
    decided = decisions_of(spec, fingerprints)
    loaded = LoadedSources(reading, tuple(archives), tuple(shards), tuple(fingerprints), decided)
    if by := getattr(spec, "group_by", None):  # groups that no image has are refused before the long work
        names_of_groups(read_ids(place / shard.images for shard in shards), by, loaded, place)
    return spec, loaded


def _told_of_groups(archive: Archive) -> str:
    options = f"--columns {quote(f'group={archive.group_column}')} --group-by group"
    return f"{archive.given} has the column {archive.group_column}, which may name groups; `{options}` reads them."


def decisions_of(spec: SourceSpec, fingerprints: Sequence[Fingerprints]) -> Decided | None:
    """Return the decisions of people that apply to the images of a run, as a stage, or None."""
    asked = spec.decisions if isinstance(spec, SearchSpec) else None
    file = spec.place / NAME if asked is True else Place.of(asked) if asked else None
    if file is None or (asked is True and not at(file).exists()):
        return None
    either = isinstance(spec, ArrivalsSpec)  # the other image of a pair may be a known one
    (decided,) = collect("take decisions", [take_decisions.submit(str(file), fingerprints, spec.place, either)])
    applied = decided.same + decided.different
    say(f"decisions in {file} about these images: {applied:,} of {decided.given:,}")
    return decided if applied else None


@subflow("load classes")
def load_classes(reading: Reading, parts: list[Part], workspace: Place) -> tuple[list[Shard], list[Fingerprints]]:
    """Decode and fingerprint the parts of every source in parallel, one task each."""
    loading = (decoding.load_part.submit(part, reading, workspace) for part in parts)
    loaded = collect("load classes", loading, [part.members for part in parts], "images")
    shards, prints = [shard for shard, _ in loaded], [of_shard for _, of_shard in loaded]
    if reading.kind == "photographs":
        prints = tell_identical_apart(reading, parts, shards, prints, workspace)
    return shards, prints


def tell_identical_apart(
    reading: Reading, parts: list[Part], shards: list[Shard], prints: list[Fingerprints], workspace: Place
) -> list[Fingerprints]:
    """Decode photographs in full if a reduced scale does not decide whether they are identical.

    Returns the fingerprints, corrected for such photographs.
    """
    ((doubts, counts),) = collect("look for identical", [decoding.find_doubts.submit(shards, workspace)])
    doubtful = [number for number, count in enumerate(counts) if count]
    if not doubtful:
        return prints
    submitted = [decoding.decode_in_full.submit(parts[n], n, doubts, reading, workspace) for n in doubtful]
    in_full = collect("decode in full", submitted)
    (corrected,) = collect("find identical", [decoding.correct_digests.submit(shards, in_full, workspace)])
    if not corrected:
        return prints
    printing = [decoding.fingerprint_again.submit(parts[n], shards[n], reading, workspace, corrected) for n in doubtful]
    again = dict(zip(doubtful, collect("fingerprint again", printing), strict=True))
    return [again.get(number, one) for number, one in enumerate(prints)]
