"""Publish a stage or run in a bucket, once: its files first, its manifest last, on the condition that there is none.

Two that build the same at once both do the work; who comes last takes what the other published.
"""

from typing import Any

from tasks.errors import StorageError
from tasks.storage import disk, objects, scratch
from tasks.storage.errors import storage_errors
from tasks.storage.leases import require_leases
from tasks.storage.manifests import Build, Stage, built, is_of, sealed, unsealed
from tasks.storage.place import Place
from tasks.storage.published import Files, checked, content_of, remember


def publish(folder: Place, about: dict[str, Any], build: Build, manifest: str) -> Stage:
    """Find a published folder, or build and publish it; see `tasks.storage.stages.stage`."""
    place = folder / manifest
    require_leases(folder)
    with storage_errors(folder), scratch.locked(str(folder)):
        there = objects.read(place)
        if there and (found := _published(folder, there, about)):
            return found
        with scratch.draft() as draft:
            result, files = built(build, draft)
            for name in _missing(files, folder):
                objects.upload(disk.local(draft / name), content_of(folder, files[name]["sha256"]))
            require_leases(folder)
            text = sealed(about | {"result": result, "files": files}).encode()
            won = objects.write_over(place, text, there.mark) if there else objects.write_new(place, text)
            if won:
                remember(folder, files)
                for name, fact in files.items():
                    scratch.keep(disk.local(draft / name), fact["sha256"])
                return Stage(folder, result, reused=False)
    there = objects.read(place)
    if there and (found := _published(folder, there, about)):
        return found
    raise StorageError(f"{place} was changed while it was written; try again.", heals=True)


def _published(folder: Place, there: objects.Read, about: dict[str, Any]) -> Stage | None:
    """Return the stage of a manifest, unless that is damaged, of something else, or without its files."""
    record = unsealed(there.data.decode(errors="replace"))
    if record is None or not is_of(record, about) or _missing(files := checked(record.get("files"), folder), folder):
        return None
    remember(folder, files)
    return Stage(folder, record["result"], reused=True)


def _missing(files: Files, workspace: Place) -> list[str]:
    """Return the names of the files of which the workspace does not have the content, by its size."""
    sizes = objects.sizes_of([content_of(workspace, fact["sha256"]) for fact in files.values()])
    return [name for (name, fact), size in zip(files.items(), sizes, strict=True) if size != fact["bytes"]]
