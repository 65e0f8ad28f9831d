"""Unpack compressed archives into the workspace, and list what they hold beside that."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, BinaryIO

from tasks.processes import apart
from tasks.records import Source
from tasks.sources import archive, packed
from tasks.sources.listing import Listing, list_columns
from tasks.storage import disk, stages
from tasks.storage.archives import ZIP_STARTS
from tasks.storage.place import Place
from tasks.storage.workspace import require_space

VERSION = 6


def unpack(
    source: Source, files: Sequence[Place], packings: Sequence[str | None], workspace: Place
) -> tuple[str, dict[str, Listing]]:
    """Unpack archives into a stage; return where they lie, and by their names the members of those that are new there.

    What is unpacked is listed meanwhile, and while the stage waits for the disk.

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
    listing: dict[str, Future[Listing | None]] = {}
    digests: dict[str, str] = {}

    def build(target: Place) -> dict[str, Any]:
        known = (packed.unpacked_size(file, packing) for file, packing in zip(files, packings, strict=True) if packing)
        require_space(workspace, sum(known), f"unpacking {source.name}")
        for number, (file, packing) in enumerate(zip(files, packings, strict=True)):
            plain = target / f"archive-{number:05d}.tar"
            if packing is None:
                disk.link(file, plain)
                continue
            wait(listing.values())  # so that one is open at a time
            disk.write_bytes(plain, b"")
            growing = disk.Growing(plain)  # opened here, since the stage will be renamed
            listing[plain.last] = beside.submit(_list, growing, called_in_messages(plain, source, files))
            try:
                digests[plain.last] = apart(packed.decompress, file, plain, packing)
            finally:
                growing.whole.set()
        return {stages.DIGESTS: digests}

    with ThreadPoolExecutor(1) as beside:
        stage = stages.stage(workspace, "unpacked", {"version": VERSION, "sha256": source.sha256}, build)
    location = f"{stage.folder.name}/archive-{'00000' if len(files) == 1 else '*'}.tar"
    listed = {name: future.result() for name, future in listing.items()}
    return location, {name: members for name, members in listed.items() if members is not None}


def _list(unpacked: BinaryIO, called: str) -> Listing | None:
    """List the members of what was in a compressed archive, and close it; None if it is a zip."""
    if unpacked.read(4) in ZIP_STARTS:
        unpacked.close()
        return None
    unpacked.seek(0)
    return list_tar(unpacked, called)


def list_tar(tar: BinaryIO, called: str) -> Listing:
    """List the members of a plain tar, and close it; `called` names it in messages."""
    with tar:
        return list_columns(archive.read_columns(tar, called), called)


def called_in_messages(file: Place, source: Source, files: Sequence[Place]) -> str:
    """Return what one of the files of a source is called."""
    return file.last if len(files) > 1 else source.name
