"""Intermediate results and runs: folders with a manifest, built completely or not at all, and reused.

A stage is reused if every file still has its digest in the manifest; files of a bucket are checked when they are read.
"""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tasks.errors import StorageError
from tasks.storage import Place, at, building, disk, objects, scratch
from tasks.storage.leases import require_leases
from tasks.storage.manifests import digest_of as digest_of
from tasks.storage.manifests import is_of, sealed, unsealed
from tasks.storage.published import FileFacts, checked, content_of, known_files

MANIFEST = "manifest.json"
DIGESTS = "digests"  # key of digests that a builder computed itself: sha256 (hex) of files by name
Build = Callable[[Place], dict[str, Any] | None]  # writes files into a folder and may return JSON values


@dataclass(frozen=True)
class Stage:
    """A published folder, the result of its builder, and whether it existed before."""

    folder: Place
    result: dict[str, Any]
    reused: bool


def stage(workspace: Place, name: str, inputs: dict[str, Any], build: Build) -> Stage:
    """Find the stage with these inputs, or build it.

    `inputs`, JSON values, are everything that determines the output: digests of the inputs, the relevant parameters,
    and the version of the code as ``version``. `build` may return digests of its files under `DIGESTS`; these files
    are not read again. Raises `StorageError` when the workspace cannot be written.
    """
    return publish(stage_folder(workspace, name, inputs), {"stage": name, "inputs": inputs}, build)


def stage_folder(workspace: Place, name: str, inputs: dict[str, Any]) -> Place:
    """Return the folder of the stage with these inputs, whether it exists or not."""
    return workspace / "stages" / name / digest_of(inputs)[:32]


def publish(folder: Place, about: dict[str, Any], build: Build, manifest: str = MANIFEST) -> Stage:
    """Find an intact `folder`, or build and publish it; see `stage`."""
    if folder.published:
        return _publish_in_bucket(folder, about, build, manifest)
    with disk.storage_errors(folder), building.locked(folder):
        record = read_manifest(folder / manifest)
        if record and is_of(record, about) and not damaged_files(folder, manifest):
            return Stage(folder, record["result"], reused=True)
        with building.draft(folder, exclusive=True) as draft:
            result, files = _built(build, draft)
            disk.write_text(draft / manifest, sealed(about | {"result": result, "files": files}))
        return Stage(folder, result, reused=False)


def _publish_in_bucket(folder: Place, about: dict[str, Any], build: Build, manifest: str) -> Stage:
    """Publish the files, then the manifest, if none exists yet.

    Two processes that build the same stage both do the work; the second uses the result of the first.
    """
    place = folder / manifest
    require_leases(folder)
    with disk.storage_errors(folder), scratch.locked(str(folder)):
        there = objects.read(place)
        if found := _found(folder, there, about):
            return found
        with scratch.draft() as draft:
            result, files = _built(build, draft)
            for name in _missing(files, folder):
                objects.write(content_of(folder, files[name]["sha256"]), disk.path_of(draft / name))
            require_leases(folder)
            text = sealed(about | {"result": result, "files": files}).encode()
            if objects.write_if(place, text, there and there.mark):
                known_files[folder] = files
                for name, fact in files.items():
                    scratch.keep(disk.path_of(draft / name), fact["sha256"])
                return Stage(folder, result, reused=False)
    if found := _found(folder, objects.read(place), about):
        return found
    raise StorageError(f"{place} was changed while being written; try again.", heals=True)


def _found(folder: Place, there: objects.Content | None, about: dict[str, Any]) -> Stage | None:
    """Return the stage of a manifest in a bucket, unless it is missing, damaged, has other inputs, or lacks files."""
    record = unsealed(there and there.data)
    if record is None or not is_of(record, about) or _missing(files := checked(record.get("files"), folder), folder):
        return None
    known_files[folder] = files
    return Stage(folder, record["result"], reused=True)


def _missing(files: FileFacts, workspace: Place) -> list[str]:
    with ThreadPoolExecutor(objects.AT_ONCE) as pool:
        sizes = list(pool.map(objects.size_of, [content_of(workspace, fact["sha256"]) for fact in files.values()]))
    return [name for (name, fact), size in zip(files.items(), sizes, strict=True) if size != fact["bytes"]]


def _built(build: Build, draft: Place) -> tuple[dict[str, Any], FileFacts]:
    from tasks.storage import tables  # imports Arrow, and commands start without it

    result = build(draft) or {}
    tables.release_memory()
    known = result.pop(DIGESTS, {})
    files = {
        name: {"bytes": at(draft / name).size(), "sha256": known.get(name) or at(draft / name).sha256()}
        for name in at(draft).files_below()
    }
    # Sorted as in the manifest, so that a reused result equals a new one, including the order of keys.
    return json.loads(json.dumps(result, sort_keys=True)), files


def amend(place: Place, name: str, value: Any) -> None:
    """Set one entry of the result in a manifest, if it differs."""

    def amended(part: Place) -> None:
        record = read_manifest(place)
        if record is not None and record["result"].get(name) != value:
            record["result"][name] = value
            disk.write_text(part, sealed(record))

    if place.published:
        at(place).revise(amended)
    else:
        building.put(place, amended)  # without a lock, which would be a file in the folder of the run


def read_manifest(place: Place) -> dict[str, Any] | None:
    """Return a manifest, or None if it is missing or damaged."""
    try:
        return unsealed(at(place).read_text())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None


def stages_of(names: Iterable[str]) -> list[str]:
    """Return the stages that contain these names, as ``<stage>/<key>``; names outside stages are skipped.

    >>> stages_of(["stages/splits/3f/raw/a.parquet", "stages/splits/3f", "/data/large.tar"])
    ['splits/3f']
    """
    below = [name.split("/") for name in names if name.startswith("stages/")]
    return sorted({"/".join(parts[1:3]) for parts in below})


def damaged_files(folder: Place, manifest: str = MANIFEST) -> list[str]:
    """Return one sentence for a damaged manifest, or for each of its files that is missing or was changed."""
    if (record := read_manifest(folder / manifest)) is None:
        return [f"{manifest} is missing or was changed."]
    wrong = []
    for name, fact in record["files"].items():
        file = at(folder / name)
        if not file.is_file():
            wrong.append(f"{name} is missing.")
        elif file.size() != fact["bytes"]:
            wrong.append(f"{name} has {file.size():,} bytes instead of {fact['bytes']:,}.")
        elif file.sha256() != fact["sha256"]:
            wrong.append(f"{name} has changed since it was written.")
    return wrong
