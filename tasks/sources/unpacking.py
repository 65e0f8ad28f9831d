"""Unpack compressed archives into the workspace, and list what they hold beside that."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, BinaryIO

from tasks.records import Source
from tasks.sources import archive, packed
from tasks.sources.listing import Listing, list_columns
from tasks.storage import disk, stages
from tasks.storage.archives import is_zip
from tasks.storage.place import Place
from tasks.storage.workspace import require_space

VERSION = 6


def unpack(
    source: Source, files: Sequence[Place], packings: Sequence[str | None], workspace: Place
) -> tuple[str, dict[str, Listing]]:
    """Unpack archives into a stage; return where they lie, and by their names the members of those that are new there.

    What is unpacked is listed while the stage computes digests, and waits for the disk.

    Parameters
    ----------
    source : Source
    files : sequence of Place
        Its archives.
    packings : sequence of str or None
        How each is compressed; one that is not is linked.
    workspace : Place

    Raises
    ------
    DataError
        When one is damaged, cut, or larger than the budgets.
    """
    listing: dict[str, Future[Listing]] = {}

    def build(target: Place) -> dict[str, Any]:
        known = (packed.unpacked_size(file, packing) for file, packing in zip(files, packings, strict=True) if packing)
        require_space(workspace, sum(known), f"unpacking {source.name}")
        for number, (file, packing) in enumerate(zip(files, packings, strict=True)):
            plain = target / f"archive-{number:05d}.tar"
            if packing is None:
                disk.link(file, plain)
                continue
            packed.decompress(file, plain, packing)
            wait(listing.values())  # so that one is open at a time
            if not is_zip(plain):  # opened here, since the stage will be renamed
                called = called_in_messages(plain, source, files)
                listing[plain.last] = beside.submit(list_tar, disk.reading(plain), called)
        return {}

    with ThreadPoolExecutor(1) as beside:
        stage = stages.stage(workspace, "unpacked", {"version": VERSION, "sha256": source.sha256}, build)
    location = f"{stage.folder.name}/archive-{'00000' if len(files) == 1 else '*'}.tar"
    return location, {name: members.result() for name, members in listing.items()}


def list_tar(tar: BinaryIO, called: str) -> Listing:
    """List the members of a plain tar, and close it; `called` names it in messages."""
    with tar:
        return list_columns(archive.read_columns(tar, called), called)


def called_in_messages(file: Place, source: Source, files: Sequence[Place]) -> str:
    """Return what one of the files of a source is called."""
    return file.last if len(files) > 1 else source.name
