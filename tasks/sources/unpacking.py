"""Unpack compressed archives into the workspace."""

from collections.abc import Sequence
from typing import Any

from tasks.processes import apart
from tasks.records import Source
from tasks.sources import packed
from tasks.storage import stages
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.storage.workspace import require_space

VERSION = 6


def unpack(source: Source, files: Sequence[Place], packings: Sequence[str | None], workspace: Place) -> str:
    """Unpack archives into a stage, and return their location there.

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

    def build(target: Place) -> dict[str, Any]:
        known = (packed.unpacked_size(file, packing) for file, packing in zip(files, packings, strict=True) if packing)
        require_space(workspace, sum(known), f"unpacking {source.name}")
        digests: dict[str, str] = {}
        for number, (file, packing) in enumerate(zip(files, packings, strict=True)):
            plain = target / f"archive-{number:05d}.tar"
            if packing is None:
                at(file).link(plain)
            else:
                digests[plain.last] = apart(packed.decompress, file, plain, packing)
        return {stages.DIGESTS: digests}

    stage = stages.stage(workspace, "unpacked", {"version": VERSION, "sha256": source.sha256}, build)
    return f"{stage.folder.name}/archive-{'00000' if len(files) == 1 else '*'}.tar"
