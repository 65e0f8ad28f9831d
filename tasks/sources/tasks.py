"""Prefect tasks of the sources stage: bring a source to this machine, then index it."""

import posixpath
from functools import partial
from typing import Any, NamedTuple

from prefect import get_run_logger
from prefect.tasks import exponential_backoff
from pydantic import TypeAdapter

from tasks.errors import DataError
from tasks.records import Archive, Piece, Source
from tasks.sources import archive, download, fonts, zips
from tasks.sources import index as indexing
from tasks.sources.archive import Entry
from tasks.sources.folder import read_folder
from tasks.sources.layout import refuse_splits, split_folders
from tasks.sources.look import check_source
from tasks.sources.rows import files_beside, read_rows
from tasks.stage_task import finished, stage_task
from tasks.storage import disk, stages
from tasks.storage.errors import storage_errors
from tasks.storage.members import is_zip
from tasks.storage.place import Place
from tasks.storage.rows import open_rows
from tasks.storage.stages import Stage
from tasks.storage.workspace import require_space
from tasks.vocabulary import Role
from tasks.vocabulary.addresses import is_url, public_name, reveal

VERSION = 6
DOWNLOADS, UNPACKED, INDEX = "downloads", "archive.tar", "index.parquet"
PIECES = TypeAdapter(list[Piece])


@stage_task("fetch {role}", retries=3, retry_delay_seconds=exponential_backoff(backoff_factor=2))
def fetch(role: Role, source: str, workspace: Place) -> Source:
    """Render fonts, download an archive, or take it where it lies."""
    with storage_errors(workspace):
        check_source(role, source)
        name, place = _find(role, source, workspace)
        location = place.name if place.root == workspace.root and place.name else str(disk.resolved(place))
        if disk.is_folder(place):
            get_run_logger().info(f"{role} {name}: a folder")
            return Source(role, name, location, None, 0)
        sha256, size = disk.sha256_of(place), disk.size_of(place)
        get_run_logger().info(f"{role} {name}: {size:,} bytes, sha256 {sha256}")
        return Source(role, name, location, sha256, size)


@stage_task("index {source.role}")
def index(source: Source, workspace: Place) -> list[Archive]:
    """Write down where each member lies, of a root for each of its splits; nothing is extracted."""
    try:
        opened = _open(source, workspace)
        inputs = {"version": VERSION, "sha256": opened.sha256, "root": [source.role == "root", opened.root]}
        stage = stages.stage(workspace, "index", inputs, lambda target: _write(opened, source, target))
    except DataError:
        if source.location.startswith(f"{DOWNLOADS}/"):
            disk.remove(workspace / source.location)  # "fetch it again" must not find the same file
        raise
    archives = [_record(source, opened, stage, part) for part in stage.result["parts"]]
    count = sum(sum(archive.members.values()) + sum(archive.outside.values()) for archive in archives)
    classes = len({name for archive in archives for name in archive.members})
    return finished(archives, stage, f"{source.role} {source.name}: {count:,} members in {classes} classes")


class _Opened(NamedTuple):
    """A source as it can be read: a plain tar, a zip, a folder or rows.

    `entries` is what it holds, unless that is still to be listed; `root` where its class folders lie, if that is known.
    """

    place: Place
    location: str
    entries: list[Entry] | None
    sha256: str
    root: str | None = None


def _open(source: Source, workspace: Place) -> _Opened:
    place = workspace.locate(source.location)
    with storage_errors(place):
        if rows := open_rows(place):
            entries = list(read_rows(rows))
            if source.role != "root":
                refuse_splits(source.name, split_folders({posixpath.dirname(entry.name) for entry in entries}))
            entries += files_beside(rows, place)
            return _listed(place, source, entries)._replace(root="")
        if source.sha256 is None:
            return _listed(place, source, list(read_folder(place)))
        packing = archive.packing_of(place)
    if packing is None:
        return _Opened(place, source.location, None, source.sha256)

    def build(target: Place) -> dict[str, Any]:
        require_space(workspace, archive.unpacked_size(place, packing), f"unpacking {source.name}")
        archive.decompress(place, target / UNPACKED, packing)
        return {}

    stage = stages.stage(workspace, "unpacked", {"version": VERSION, "sha256": source.sha256}, build)
    location = f"{stage.folder.name}/{UNPACKED}"
    return _Opened(workspace / location, location, None, source.sha256)


def _listed(place: Place, source: Source, entries: list[Entry]) -> _Opened:
    digest = stages.digest_of([(entry.name, entry.kind, entry.digest.hex()) for entry in entries])
    return _Opened(place, source.location, entries, digest)


def _write(opened: _Opened, source: Source, target: Place) -> dict[str, Any]:
    """Write one index, or of a root one per split, and return what each holds."""
    entries = opened.entries
    if entries is None:
        listed = zips.read_entries if is_zip(opened.place) else partial(archive.read_entries, called=source.name)
        entries = list(listed(opened.place))
    held: dict[Any, tuple[str | None, list[Entry]]] = {None: (opened.root, entries)}
    if source.role == "root":
        held = {**indexing.by_split(entries, source.name)}
    parts = []
    for role, (root, own) in held.items():
        name = f"{role}.parquet" if role else INDEX
        pieces, outside, found = indexing.write_index(own, source.name, target / name, root)
        held_pieces = PIECES.dump_python(pieces, mode="json")
        parts.append({"role": role, "root": found, "index": name, "pieces": held_pieces, "outside": outside})
    return {"parts": parts}


def _record(source: Source, opened: _Opened, stage: Stage, part: dict[str, Any]) -> Archive:
    pieces, inside = tuple(PIECES.validate_python(part["pieces"])), part["root"]
    folder = disk.is_folder(opened.place) and opened.root is None
    size = source.bytes if opened.entries is None else sum(entry.size for entry in opened.entries)
    return Archive(
        role=part["role"] or source.role,
        name=source.name if part["role"] is None else f"{source.name}/{inside}",
        location=f"{opened.location}/{inside}" if folder and inside else opened.location,
        index=f"{stage.folder.name}/{part['index']}",
        sha256=opened.sha256,
        bytes=sum(piece.bytes for piece in pieces) if part["role"] else size,
        pieces=pieces,
        outside=part["outside"],
    )


def _find(role: Role, source: str, workspace: Place) -> tuple[str, Place]:
    """Return the name that may be shown of a source, and where it lies once it is here."""
    if source == "fonts" or source.startswith("fonts:"):
        return source, _render(role, source.partition(":")[2], workspace)
    if source == "notmnist":
        return source, download.download_notmnist(role, workspace / DOWNLOADS)
    if is_url(source):
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
