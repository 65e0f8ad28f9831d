"""Open a source, whatever its form: rows of a table, a folder, an archive or several."""

import hashlib
import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from tasks.errors import UsageError
from tasks.formats import ENDING_OF, format_of
from tasks.records import Source
from tasks.sources import archive, packed, zips
from tasks.sources.annotated import read_annotated
from tasks.sources.archive import MAX_MEMBER_BYTES, Entry, file_entry
from tasks.sources.found import splits_of
from tasks.sources.layout import split_folders
from tasks.sources.listing import Listing, Placed, combined, list_members
from tasks.sources.masks import MASK, mark_files, mark_masks
from tasks.sources.members import open_rows, opened_archive
from tasks.sources.numbered import Rows, split_in
from tasks.sources.webdataset import FACTS, named_by_class
from tasks.storage import Place, at, disk, stages
from tasks.storage.place import names_below
from tasks.storage.store import Listed
from tasks.vocabulary import SPLITS

UNPACKED = 6  # version of the unpacked files


class Opened(NamedTuple):
    """A readable source, and the inputs that determine its index."""

    location: str
    members: Callable[[], Listing]
    digest: str
    root: str | None = None  # the folder of its class folders, if known
    files: bool = False  # whether its members are files of class folders
    annotated: bool = False  # whether its members are files of a folder, and their classes sets of labels
    listed: bool = False  # whether it lists files by their paths
    notes: tuple[str, ...] = ()  # for the user
    group_column: str = ""  # of a table, which has groups or is named like them


def open_source(source: Source, workspace: Place) -> Opened:
    """Open a local source; compressed archives are unpacked into the workspace.

    Raises `DataError` when it is damaged, or of a shape that is not read; `UsageError` when it holds splits where one
    split or classes are asked for.
    """
    place = workspace.locate(source.location)
    with disk.storage_errors(place):
        if rows := open_rows(place, source.columns):
            folders = {posixpath.dirname(name) for name in rows.names}
            tops = {folder.partition("/")[0] for folder in folders}
            is_split = tops < {*SPLITS} and len(tops) == 1 and all("/" in folder for folder in folders)
            others = (one.name for one in _walked(place, source, workspace)) if at(place).is_folder() else ()
            beside = (Entry(name, "beside") for name in others if name not in rows.files)  # none is skipped
            root = tops.pop() if is_split else ""
            about = {"listed": rows.listed, "group_column": rows.group_column}
            notes = tuple(f"{source.name} {note}" for note in rows.notes)
            return _listed(source, chain(_read_rows(rows), beside), root=root, notes=notes, **about)
        if at(place).is_folder():
            walked = _walked(place, source, workspace)
            walked = walked if source.masks_as_images else mark_files(walked, source.name)
            names = [one.name for one in walked if _is_readable(one) and one.kind != MASK]
            found = read_annotated(place, names, source.columns)
            if found.labels:
                found = found.with_labels() if source.role == "source" else found
                splits = {split or "" for split, _ in found.labels}
                root = splits.pop() if len(splits) == 1 else ""
                entries = found.entries(read_folder(place, walked))
                return _listed(source, entries, root=root, annotated=True, notes=found.notes)
            if source.columns:
                said = f"{place} has no table with these columns; correct or remove --columns."
                raise UsageError(" ".join([said, *found.notes]))
            if (source.role == "root") != bool(split_folders(set(at(place).folders()))):
                named = (Entry(one.name, one.kind) for one in walked)
                splits_of(source, list_members(named, source.name), found.notes)  # raises before any file is read
            return _listed(source, read_folder(place, walked), files=True, notes=found.notes)
        return _archives(source, at(place).expanded(), workspace)


def _walked(folder: Place, source: Source, workspace: Place) -> list[Listed]:
    """Return everything below a folder but the workspace, which may be there; raises `UsageError` if it is the folder.

    Otherwise a second run would read the figures of the first as images.
    """
    top, own = (str(disk.resolved(place)) for place in (folder, workspace))
    if own == top:
        raise UsageError(f"{workspace} is the source itself; choose another --workspace.")
    below = f"{own.removeprefix(f'{top}/')}/"
    return [one for one in at(folder).walk(source.links) if not one.name.startswith(below)]


def _archives(source: Source, files: Sequence[Place], workspace: Place) -> Opened:
    """Open archives; their members are listed only for a new index."""
    location, packings = source.location, [packed.packing_of(file) for file in files]
    digests = [at(file).sha256() for file in files]
    sha256 = digests[0] if len(files) == 1 else stages.digest_of([names_below(files), digests])
    if any(packings):
        location = _unpack(sha256, files, packings, workspace)
        files = at(workspace.locate(location)).expanded()

    def members() -> Listing:
        listing = combined(_members(source, files), source.name)
        return listing if source.masks_as_images else mark_masks(listing)

    return Opened(location, members, sha256)


def read_folder(root: Place, known: Iterable[Listed] | None = None) -> Iterator[Entry]:
    """Yield every file below `root` with its path relative to it, in name order; `known` is its content.

    Symbolic links that lead out of it are entries of kind ``link``; files that can't be read are of kind
    ``unreadable``, names that are not printable UTF-8 of kind ``bad_name``.
    """
    walked = [*(at(root).walk() if known is None else known)]
    contents = at(root).contents((each.name for each in walked if _is_readable(each)), MAX_MEMBER_BYTES + 1)
    return (_file_entry(root, each, contents) for each in walked)


def _is_readable(listed: Listed) -> bool:
    """Return whether it is a file whose printed name finds it again."""
    return listed.kind in ("file", MASK) and listed.name.isprintable()


def _file_entry(root: Place, listed: Listed, contents: Iterator[bytes | OSError]) -> Entry:
    name = listed.name
    if not _is_readable(listed):
        return Entry(name, "bad_name" if listed.kind in ("file", MASK) else listed.kind)
    data = next(contents)
    if isinstance(data, OSError):
        return Entry(name, "unreadable")
    if len(data) > MAX_MEMBER_BYTES:
        return Entry(name, listed.kind, 0, at(root / name).size())
    return file_entry(name, 0, data)._replace(kind=listed.kind)


def _listed(source: Source, entries: Iterable[Entry], **about: Any) -> Opened:
    """List members by name; the digest of their names and digests, as JSON, determines the index."""
    digest = hashlib.sha256()

    def noted() -> Iterator[Entry]:
        before = "["
        for entry in entries:
            digest.update(f"{before}{json.dumps([entry.name, entry.kind, entry.digest.hex(), entry.group])}".encode())
            before = ", "
            yield entry

    listing = list_members(noted(), source.name, of_rows=not about.get("files"))
    digest.update(b"]" if len(listing) else b"[]")
    return Opened(source.location, lambda: listing, digest.hexdigest(), **about)


def _read_rows(rows: Rows) -> Iterator[Entry]:
    """Yield every row; `offset` is its number. A row without an image has the kind ``missing``."""
    for number, (name, group) in enumerate(zip(rows.names, rows.groups or [None] * len(rows.names), strict=True)):
        data = rows.read(number)
        if not rows.endings:
            name += ENDING_OF.get(format_of(data or b"") or "PNG", ".png")
        if data is None:
            yield Entry(name, "missing", number, 0, b"", group)
        else:
            yield file_entry(name, number, data, group)


def _members(source: Source, files: Sequence[Place]) -> Iterator[Placed]:
    """List the members of archives like one long archive, for `combined`."""
    start, several = 0, len(files) > 1
    for name, file in zip(names_below(files), files, strict=True):
        called = name if several else source.name
        prefix = f"{name.partition('.')[0]}-".replace("/", "-") if several else ""
        with at(file).reading() as opened:
            entries = zips.read_entries(file) if zips.is_zip(file) else archive.read_entries(opened, called)
            listing = list_members(entries, called)
        if listing.named(FACTS).any():
            with opened_archive(file) as read:
                listing = list_members(named_by_class(list(listing.entries()), read, prefix), called)
        split = split_in(name) if several and source.role == "root" else None
        yield f"{split}/" if split else "", start, listing
        start += at(file).size()


def _unpack(sha256: str, files: Sequence[Place], packings: Sequence[str | None], workspace: Place) -> str:
    """Unpack the compressed archives into a stage, with links to the others; return their location there."""

    def build(target: Place) -> dict[str, Any]:
        digests: dict[str, str] = {}
        for number, (file, packing) in enumerate(zip(files, packings, strict=True)):
            plain = target / f"archive-{number:05d}.tar"
            if packing is None:
                at(file).link(plain)
            else:
                digests[plain.last] = packed.decompress(file, plain, packing)
        return {stages.DIGESTS: digests}

    stage = stages.stage(workspace, "unpacked", {"version": UNPACKED, "sha256": sha256}, build)
    return f"{stage.folder.name}/archive-{'00000' if len(files) == 1 else '*'}.tar"
