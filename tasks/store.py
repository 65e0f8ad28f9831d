"""The workspace: names, commits, verifies and finds its files.

    stages/<stage>/<key>/   immutable: files and a manifest with their sha256
    runs/<run id>/          what a user takes away; files are hard links to stages
    latest                  symbolic link to the newest run
    downloads/              archives that were fetched

Nobody else but `tasks.workspace` decides where a file lies. A stage is built in a folder beside its place, synced to
disk and renamed, so a reader sees all of it or nothing. Its key is a digest of its inputs, so
equal work is found again instead of done again, and found work is used only when every file
still has the digest that its manifest gives.
"""

import errno
import hashlib
import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from tasks.errors import StorageError

MANIFEST = "manifest.json"
STORAGE_ERRNOS = {
    errno.ENOSPC: "no space is left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file would pass the size limit",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOTDIR: "a file is where a folder should be",
    errno.EEXIST: "a file is where a folder should be",
    errno.EIO: "the device reports an input/output error",
}


_unfinished: set[Path] = set()
_starting = threading.Lock()


@dataclass(frozen=True)
class Stage:
    """A published folder: where it is, what its builder returned, and whether it was there before."""

    folder: Path
    result: dict[str, Any]
    reused: bool


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON-serializable value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the sha256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stage(workspace: Path, name: str, inputs: dict[str, Any], build: Callable[[Path], dict[str, Any]]) -> Stage:
    """Find the stage that belongs to `inputs`, or build it.

    Parameters
    ----------
    workspace : Path
    name : str
        Which stage, for instance ``"letters"``.
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


def stage_folder(workspace: Path, name: str, inputs: dict[str, Any]) -> Path:
    """Return where the stage of `inputs` lies, or would lie."""
    return workspace / "stages" / name / digest_of(inputs)[:32]


def publish(
    folder: Path, about: dict[str, Any], build: Callable[[Path], dict[str, Any]], manifest: str = MANIFEST
) -> Stage:
    """Find an intact `folder`, or build it beside its place and rename it; see `stage`."""
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            result = _intact(folder, about, manifest)
            if result is not None:
                return Stage(folder, result, reused=True)
            # Under the lock nobody else builds this folder: what lies there was left by a dead run.
            building = folder.parent / f".{folder.name}.building"
            if building.exists():
                shutil.rmtree(building)
            with _starting:
                building.mkdir()
                _unfinished.add(building)
            try:
                # As it will be read back, the order of keys included: what is reused must equal what is built.
                result = json.loads(json.dumps(build(building), sort_keys=True))
                files = {str(p.relative_to(building)): p for p in sorted(building.rglob("*")) if p.is_file()}
                record = about | {
                    "result": result,
                    "files": {n: {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for n, p in files.items()},
                }
                record["sha256"] = digest_of(record)
                (building / manifest).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
                _sync(building)
                if folder.exists():  # and is damaged
                    shutil.rmtree(folder)
                building.rename(folder)
                _sync_path(folder.parent)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
            finally:
                _unfinished.discard(building)
            return Stage(folder, result, reused=False)


def drop_unfinished() -> None:
    """Remove what this process is building, just before it is ended, and let it start no more."""
    _starting.acquire()
    for folder in list(_unfinished):
        shutil.rmtree(folder, ignore_errors=True)


def put(target: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file beside its place, sync it and rename it: a reader sees all of it or what was before."""
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    with storage_errors(target):
        try:
            write(part)
            _sync_path(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`, or a copy of it where hard links don't work."""
    target.parent.mkdir(exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        shutil.copyfile(source, target)


def point_latest(workspace: Path, run: Path) -> None:
    """Let ``WORKSPACE/latest`` point to `run`, in one step."""
    latest, target = workspace / "latest", Path("runs") / run.name
    if latest.is_symlink() and latest.readlink() == target:
        return
    with storage_errors(latest):
        fresh = workspace / f".latest.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(latest)


def damaged_files(folder: Path, listed: dict[str, dict[str, Any]]) -> list[str]:
    """Return one sentence for each listed file that is missing, or has another size or sha256 than it should."""
    wrong = []
    for name, fact in listed.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing.")
        elif path.stat().st_size != fact["bytes"]:
            wrong.append(f"{name} has {path.stat().st_size:,} bytes instead of {fact['bytes']:,}.")
        elif sha256_of(path) != fact["sha256"]:
            wrong.append(f"{name} has another content than it was written with.")
    return wrong


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return a manifest; None when it is missing or is not as it was written."""
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        return record if record.pop("sha256") == digest_of(record) else None
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return None


def amend(path: Path, name: str, value: Any) -> None:
    """Change one entry of the result in a manifest, where it is another."""
    record = read_manifest(path)
    if record is not None and record["result"].get(name) != value:
        record["result"][name] = value
        text = json.dumps(record | {"sha256": digest_of(record)}, indent=1, sort_keys=True) + "\n"
        put(path, lambda part: part.write_text(text))


def _intact(folder: Path, about: dict[str, Any], manifest: str) -> dict[str, Any] | None:
    """Return the recorded result when `folder` holds what it should, every file as its manifest says, else None."""
    record = read_manifest(folder / manifest)
    if record is None or digest_of({name: record.get(name) for name in about}) != digest_of(about):
        return None
    if damaged_files(folder, record["files"]):
        return None
    result: dict[str, Any] = record["result"]
    return result


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _sync_path(path)


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's word for a storage problem into a `StorageError`, which is a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in STORAGE_ERRNOS:
            raise
        where = error.filename or path
        raise StorageError(
            f"cannot use {where}: {STORAGE_ERRNOS[error.errno]}; mend that or choose another --workspace."
        ) from error
