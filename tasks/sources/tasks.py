"""Prefect tasks of the sources stage: bring a source to this machine, then index it."""

from dataclasses import asdict
from typing import Any, cast

from prefect.tasks import exponential_backoff

from tasks.addresses import IN_BLOCK, is_secret, is_url, public_name, reveal
from tasks.errors import DataError, UsageError
from tasks.libraries import shaped_by
from tasks.records import Archive, Piece, Source
from tasks.sources import download, fonts
from tasks.sources import index as indexing
from tasks.sources.found import splits_of
from tasks.sources.layout import check_source
from tasks.sources.listing import Listing
from tasks.sources.masks import note_of_masks
from tasks.sources.opening import Opened, open_source
from tasks.sources.published import NOTMNIST_FILES, PUBLIC_SETS
from tasks.stage_task import done, finished, secret, stage_task
from tasks.storage import Place, at, disk, stages
from tasks.storage.workspace import DOWNLOADS, downloads_in
from tasks.vocabulary import IN_PUBLIC, SET, PublicName, Role, is_generated

VERSION, INDEXED = 8, 14


@stage_task("fetch {role}", retries=3, retry_delay_seconds=exponential_backoff(backoff_factor=2))
def fetch(
    role: Role,
    source: str,
    columns: dict[str, str],
    workspace: Place,
    links: str | None = None,
    masks_as_images: bool = False,
) -> Any:
    """Render fonts, download an archive, or use a local source; `links` in it may lead to files below that folder."""
    with disk.storage_errors(workspace):
        check_source(role, source)
        if links and not at(Place.of(links)).is_folder():
            raise UsageError(f"--follow-links {links} is not a folder; name the one that the links lead to.")
        name, place = _find(role, source, workspace)
        location = place.name if place.root == workspace.root and place.name else str(disk.resolved(place))
        if at(place).is_folder():
            return done(Source(role, name, location, None, columns, links, masks_as_images), f"{role} {name}: a folder")
        size = sum(at(file).size() for file in at(place).expanded())
        found = Source(role, name, location, size, columns, None, masks_as_images)
        return done(found, f"{role} {name}: {size:,} bytes")


@stage_task("index {source.role}")
def index(source: Source, workspace: Place) -> list[Archive]:
    """Write an index of the members, for a root one per split, without extracting them."""
    try:
        opened = open_source(source, workspace)
        inputs = {"version": INDEXED, "sha256": opened.digest, "root": [source.role == "root", opened.root]}
        inputs["masks_as_images"] = source.masks_as_images
        stage = stages.stage(workspace, "index", inputs, lambda target: _write(opened, source, target))
    except (DataError, MemoryError) as error:
        if DOWNLOADS in source.location.split("/"):  # "fetch it again" must not find the same file
            disk.remove(downloads_in(workspace) / source.location.rpartition("/")[2])
        if isinstance(error, MemoryError):
            raise DataError(f"{source.name} takes more memory than there is; check where it comes from.") from error
        raise
    archives = [_record(source, opened, stage, part) for part in stage.result["parts"]]
    count = sum(sum(archive.members.values()) + sum(archive.outside.values()) for archive in archives)
    classes = len({name for archive in archives for name in archive.members})
    return finished(archives, stage.reused, f"{source.role} {source.name}: {count:,} members, classes: {classes:,}")


def _write(opened: Opened, source: Source, target: Place) -> dict[str, Any]:
    members = opened.members()
    held: dict[Any, tuple[str | None, Listing]] = {None: (opened.root, members)}
    if splits := splits_of(source, members, opened.notes):
        held = {**indexing.by_split(members, splits)}
    parts = []
    for role, (root, own) in held.items():
        name = f"{role}.parquet" if role else "index.parquet"
        pieces, outside, found = indexing.write_index(own, target / name, root)
        cut = [asdict(piece) for piece in pieces]
        parts.append({"role": role, "root": found, "index": name, "pieces": cut, "outside": outside})
    return {"parts": parts, "bytes": members.bytes, "note": note_of_masks(members)}


def _record(source: Source, opened: Opened, stage: stages.Stage, part: dict[str, Any]) -> Archive:
    pieces, inside = tuple(Piece(**piece) for piece in part["pieces"]), part["root"]
    size = stage.result["bytes"] if source.bytes is None else source.bytes
    if opened.files and (sets := [piece.class_name for piece in pieces if piece.class_name.startswith(SET)]):
        raise DataError(f"{source.name} has the class folder {sets[0]}, named like a set of labels; rename it.")
    return Archive(
        role=part["role"] or source.role,
        name=source.name if part["role"] is None or opened.annotated else f"{source.name.rstrip('/')}/{inside}",
        location=f"{opened.location}/{inside}" if opened.files and inside else opened.location,
        index=f"{stage.folder.name}/{part['index']}",
        sha256=opened.digest,
        bytes=sum(piece.bytes for piece in pieces) if part["role"] else size,
        columns=source.columns,
        pieces=pieces,
        outside=part["outside"],
        given=source.name,
        inside=inside if opened.root is None and part["role"] is None else "",
        listed=opened.listed,
        links=source.links,
        notes=(*opened.notes, *filter(None, [stage.result["note"]])),
        group_column=opened.group_column,
    )


def _find(role: Role, source: str, workspace: Place) -> tuple[str, Place]:
    """Return the public name of a source, and its place for all machines that use the workspace."""
    generated = is_generated(role, source)
    if generated and source != "notmnist":
        return source, _render(role, source.partition(":")[2], workspace)
    if source.startswith(IN_PUBLIC):
        return source, _published(cast(PublicName, source.removeprefix(IN_PUBLIC)), workspace)
    if generated:
        file = download.download_published(NOTMNIST_FILES[role], downloads_in(workspace))
    elif is_secret(source) or is_url(source):
        file = download.download(_in_block(source) if is_secret(source) else reveal(source), downloads_in(workspace))
    else:
        return source, Place.of(source)
    if workspace.published:
        inputs = {"version": VERSION, "name": file.last, "sha256": at(file).sha256()}
        made = stages.stage(workspace, DOWNLOADS, inputs, lambda target: at(file).link(target / file.last))
        file = made.folder / file.last
    return public_name(source), file


def _in_block(source: str) -> str:
    """Return the address in a block of Prefect's server; raises `UsageError` if the block is missing."""
    address = str(secret(source.removeprefix(IN_BLOCK), source))
    if not is_url(address):
        raise UsageError(f"{source}: the block holds no address of http:// or https://; store the whole address there.")
    return address


def _published(name: PublicName, workspace: Place) -> Place:
    files, lay_out = PUBLIC_SETS[name]
    folder = downloads_in(workspace) / name  # several sets have files with the same names
    here = [download.download_published(file, folder) for file in files]
    inputs = {"version": VERSION, "name": name, "files": [file.sha256 for file in files]}
    stage = stages.stage(workspace, "published", inputs, lambda target: {"read": lay_out(here, target)})
    return stage.folder / stage.result["read"] if stage.result["read"] else stage.folder


def _render(role: Role, folder: str, workspace: Place) -> Place:
    files = fonts.find_fonts(Place.of(folder) if folder else None)
    name = f"notMNIST_{role}.tar"
    digests = [[font.last, at(font).sha256()] for font in files]
    inputs = {"version": VERSION, "fonts": digests, "role": role} | shaped_by("fonts")
    made = stages.stage(workspace, "fonts", inputs, lambda target: fonts.write_archive(files, role, target / name))
    return made.folder / name
