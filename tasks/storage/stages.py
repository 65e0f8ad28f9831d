"""Intermediate results and runs: folders with a manifest, built whole or not at all, and found again.

The key of a stage is a digest of its inputs, so identical work is reused instead of repeated, but only if
every file still has the digest that its manifest gives.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.storage import disk
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Stage:
    """A published folder: where it lies, what its builder returned, and whether it was there before."""

    folder: Place
    result: dict[str, Any]
    reused: bool


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON-serializable value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def stage(workspace: Place, name: str, inputs: dict[str, Any], build: Callable[[Place], dict[str, Any]]) -> Stage:
    """Find the stage that belongs to `inputs`, or build it.

    Parameters
    ----------
    workspace : Place
    name : str
        Which stage, for instance ``"splits"``.
    inputs : dict
        Everything that determines the output: digests of what is read, the parameters that
        matter, and the version of the code as ``version``. Must serialize to JSON.
    build : callable
        Writes files into the folder that it is given and returns a JSON-serializable dict.

    Raises
    ------
    StorageError
        When the workspace can't be written.
    """
    return publish(stage_folder(workspace, name, inputs), {"stage": name, "inputs": inputs}, build)


def stage_folder(workspace: Place, name: str, inputs: dict[str, Any]) -> Place:
    """Return where the stage of `inputs` lies, or would lie."""
    return workspace / "stages" / name / digest_of(inputs)[:32]


def publish(
    folder: Place, about: dict[str, Any], build: Callable[[Place], dict[str, Any]], manifest: str = MANIFEST
) -> Stage:
    """Find an intact `folder`, or build it beside its place and rename it; see `stage`."""
    with storage_errors(folder), disk.locked(folder):
        result = _intact(folder, about, manifest)
        if result is not None:
            return Stage(folder, result, reused=True)
        with disk.draft(folder, exclusive=True) as draft:
            # As it will be read back, the order of keys included: what is reused must equal what is built.
            result = json.loads(json.dumps(build(draft), sort_keys=True))
            files = {name: _facts(draft / name) for name in disk.names_below(draft)}
            disk.write_text(draft / manifest, _sealed(about | {"result": result, "files": files}))
        return Stage(folder, result, reused=False)


def read_manifest(place: Place) -> dict[str, Any] | None:
    """Return a manifest; None when it is missing or is not as it was written."""
    try:
        record: dict[str, Any] = json.loads(disk.read_text(place))
        return record if record.pop("sha256") == digest_of(record) else None
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ):
        return None


def amend(place: Place, name: str, value: Any) -> None:
    """Change one entry of the result in a manifest, where it is another."""
    record = read_manifest(place)
    if record is not None and record["result"].get(name) != value:
        record["result"][name] = value
        disk.put(place, lambda part: disk.write_text(part, _sealed(record)))


def damaged_files(folder: Place, listed: dict[str, dict[str, Any]]) -> list[str]:
    """Return one sentence for each listed file that is missing, or has another size or sha256 than it should."""
    wrong = []
    for name, fact in listed.items():
        place = folder / name
        if not disk.is_file(place):
            wrong.append(f"{name} is missing.")
        elif disk.size_of(place) != fact["bytes"]:
            wrong.append(f"{name} has {disk.size_of(place):,} bytes instead of {fact['bytes']:,}.")
        elif disk.sha256_of(place) != fact["sha256"]:
            wrong.append(f"{name} has changed since it was written.")
    return wrong


def _intact(folder: Place, about: dict[str, Any], manifest: str) -> dict[str, Any] | None:
    """Return the recorded result when `folder` holds what it should, every file as its manifest says, else None."""
    record = read_manifest(folder / manifest)
    if record is None or digest_of({name: record.get(name) for name in about}) != digest_of(about):
        return None
    if damaged_files(folder, record["files"]):
        return None
    result: dict[str, Any] = record["result"]
    return result


def _facts(place: Place) -> dict[str, Any]:
    return {"bytes": disk.size_of(place), "sha256": disk.sha256_of(place)}


def _sealed(record: dict[str, Any]) -> str:
    """Return a manifest as text, with the digest by which damage to it is noticed."""
    return json.dumps(record | {"sha256": digest_of(record)}, indent=1, sort_keys=True) + "\n"
