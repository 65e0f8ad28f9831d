"""Intermediate results and runs: folders with a manifest, built whole or not at all, and found again.

The key of a stage is a digest of its inputs, so identical work is reused instead of repeated, but only if
every file still has the digest that its manifest gives. In a bucket the digests are checked when files are read.
"""

from collections.abc import Iterable
from typing import Any

from tasks.storage import disk
from tasks.storage.errors import storage_errors
from tasks.storage.manifests import DIGESTS, MANIFEST, Build, Stage, built, digest_of, is_of, read_manifest, sealed
from tasks.storage.place import Place

__all__ = [
    "DIGESTS", "MANIFEST", "Stage", "amend", "damaged_files", "digest_of", "publish", "read_manifest", "stage",
    "stage_folder", "stages_of",
]  # fmt: skip


def stage(workspace: Place, name: str, inputs: dict[str, Any], build: Build) -> Stage:
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
        Writes files into the folder that it is given and returns a JSON-serializable dict. Files whose digests it
        returns under `DIGESTS`, which is no part of the result, are not read again.

    Raises
    ------
    StorageError
        When the workspace can't be written.
    """
    return publish(stage_folder(workspace, name, inputs), {"stage": name, "inputs": inputs}, build)


def stage_folder(workspace: Place, name: str, inputs: dict[str, Any]) -> Place:
    """Return where the stage of `inputs` lies, or would lie."""
    return workspace / "stages" / name / digest_of(inputs)[:32]


def publish(folder: Place, about: dict[str, Any], build: Build, manifest: str = MANIFEST) -> Stage:
    """Find an intact `folder`, or build it beside its place and rename it; see `stage`."""
    if folder.published:
        from tasks.storage.publish import publish as publish_in_bucket

        return publish_in_bucket(folder, about, build, manifest)
    with storage_errors(folder), disk.locked(folder):
        result = _intact(folder, about, manifest)
        if result is not None:
            return Stage(folder, result, reused=True)
        with disk.draft(folder, exclusive=True) as draft:
            result, files = built(build, draft)
            disk.write_text(draft / manifest, sealed(about | {"result": result, "files": files}))
        return Stage(folder, result, reused=False)


def amend(place: Place, name: str, value: Any) -> None:
    """Change one entry of the result in a manifest, where it is another."""

    def amended(part: Place) -> None:
        record = read_manifest(place)
        if record is not None and record["result"].get(name) != value:
            record["result"][name] = value
            disk.write_text(part, sealed(record))

    (disk.revise if place.published else disk.put)(place, amended)  # a lock would lie in the run's folder


def stages_of(names: Iterable[str]) -> list[str]:
    """Return the stages in which names lie, as ``<stage>/<key>``; names elsewhere have none.

    >>> stages_of(["stages/splits/3f/raw/a.parquet", "stages/splits/3f", "/data/large.tar"])
    ['splits/3f']
    """
    below = [name.split("/") for name in names if name.startswith("stages/")]
    return sorted({"/".join(parts[1:3]) for parts in below})


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
    if record is None or not is_of(record, about) or damaged_files(folder, record["files"]):
        return None
    result: dict[str, Any] = record["result"]
    return result
