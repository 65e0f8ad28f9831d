"""Prefect tasks of the sources stage: bring a source to this machine, then index it."""

from typing import Any, NamedTuple

from prefect import get_run_logger
from prefect.tasks import exponential_backoff
from pydantic import TypeAdapter

from tasks.errors import DataError, UsageError
from tasks.records import Archive, ClassIndex, Source
from tasks.sources import archive, download, fonts
from tasks.sources import index as indexing
from tasks.sources.archive import Entry
from tasks.sources.folder import read_folder
from tasks.stage_task import finished, stage_task
from tasks.storage import disk, stages
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place
from tasks.storage.stages import Stage
from tasks.storage.workspace import require_space
from tasks.vocabulary import Role
from tasks.vocabulary.addresses import public_name, reveal

VERSION = 4
DOWNLOADS, UNPACKED, INDEX = "downloads", "archive.tar", "index.parquet"
CLASSES = TypeAdapter(list[ClassIndex])


@stage_task("fetch {role}", retries=3, retry_delay_seconds=exponential_backoff(backoff_factor=2))
def fetch(role: Role, source: str, workspace: Place) -> Source:
    """Render fonts, download an archive, or take it where it lies."""
    with storage_errors(workspace):
        name, place = _find(role, source, workspace)
        if not disk.exists(place):
            raise UsageError(f"{role} {source} does not exist; name an archive, a folder, a URL, notmnist or fonts.")
        location = place.name if place.root == workspace.root and place.name else str(disk.resolved(place))
        if disk.is_folder(place):
            get_run_logger().info(f"{role} {name}: a folder")
            return Source(role, name, location, None, 0)
        sha256, size = disk.sha256_of(place), disk.size_of(place)
        get_run_logger().info(f"{role} {name}: {size:,} bytes, sha256 {sha256}")
        return Source(role, name, location, sha256, size)


@stage_task("index {source.role}")
def index(source: Source, workspace: Place) -> Archive:
    """Unpack an archive's gzip and write down where each member lies; nothing is extracted."""
    opened = _open(source, workspace)

    def build(target: Place) -> dict[str, Any]:
        entries = _entries(opened, source, target, workspace)
        classes, outside, root = indexing.write_index(entries, source.name, target / INDEX)
        return {"classes": CLASSES.dump_python(classes, mode="json"), "outside": outside, "root": root}

    try:
        stage = stages.stage(workspace, "index", {"version": VERSION, "sha256": opened.sha256}, build)
    except DataError:
        if source.location.startswith(f"{DOWNLOADS}/"):
            disk.remove(workspace / source.location)  # "fetch it again" must not find the same file
        raise
    record = _record(source, opened, stage)
    count = sum(one.members for one in record.classes) + sum(record.outside.values())
    return finished(record, stage, f"{source.role} {source.name}: {count:,} members in {len(record.classes)} classes")


class _Opened(NamedTuple):
    """A source as it lies: whether it is compressed, what a folder holds, and a digest of its content."""

    place: Place
    packed: bool
    entries: list[Entry] | None
    sha256: str


def _open(source: Source, workspace: Place) -> _Opened:
    place = workspace.locate(source.location)
    with storage_errors(place):
        if source.sha256 is not None:
            return _Opened(place, archive.is_gzip(place), None, source.sha256)
        entries = list(read_folder(place))
        digest = stages.digest_of([(entry.name, entry.kind, entry.digest.hex()) for entry in entries])
        return _Opened(place, False, entries, digest)


def _entries(opened: _Opened, source: Source, target: Place, workspace: Place) -> Any:
    """Return the entries of a source, from its unpacked copy where it is compressed."""
    if opened.entries is not None:
        return opened.entries
    if not opened.packed:
        return archive.read_entries(opened.place)
    require_space(workspace, archive.unpacked_size(opened.place), f"unpacking {source.name}")
    archive.decompress(opened.place, target / UNPACKED)
    return archive.read_entries(target / UNPACKED)


def _record(source: Source, opened: _Opened, stage: Stage) -> Archive:
    location = source.location
    if opened.packed:
        location = f"{stage.folder.name}/{UNPACKED}"
    elif opened.entries is not None and stage.result["root"]:
        location = f"{source.location}/{stage.result['root']}"
    return Archive(
        role=source.role,
        name=source.name,
        location=location,
        index=f"{stage.folder.name}/{INDEX}",
        sha256=opened.sha256,
        bytes=source.bytes if opened.entries is None else sum(entry.size for entry in opened.entries),
        classes=tuple(CLASSES.validate_python(stage.result["classes"])),
        outside=stage.result["outside"],
    )


def _find(role: Role, source: str, workspace: Place) -> tuple[str, Place]:
    """Return the name that may be shown of a source, and where it lies once it is here."""
    if source == "fonts" or source.startswith("fonts:"):
        return source, _render(role, source.partition(":")[2], workspace)
    if source == "notmnist":
        return source, download.download_notmnist(role, workspace / DOWNLOADS)
    if source.startswith(("http://", "https://")):
        return public_name(source), download.download(reveal(source), workspace / DOWNLOADS)
    place = Place.of(source)
    return place.last, place


def _render(role: Role, folder: str, workspace: Place) -> Place:
    files = fonts.find_fonts(Place.of(folder) if folder else None)
    name = f"notMNIST_{role}.tar"

    def build(target: Place) -> dict[str, Any]:
        fonts.write_archive(files, role, target / name)
        return {}

    inputs = {"version": VERSION, "fonts": fonts.fonts_digest(files), "role": role}
    return stages.stage(workspace, "fonts", inputs, build).folder / name
