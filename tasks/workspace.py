"""The workspace as a whole: entered by runs, swept, cleaned, and searched for runs.

Every run holds a shared lock on the workspace while it lasts; the system frees it when the process
dies. Whoever gets the lock for itself alone knows that whatever is unfinished was left by the dead.
"""

import contextlib
import fcntl
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tasks.errors import StorageError, UsageError
from tasks.store import read_manifest, storage_errors

RUN_MANIFEST = "run.json"
BUILDING = ("stages/*/.*.building", "runs/.*.building")
LEFTOVERS = (*BUILDING, "downloads/tmp*", "downloads/.*", ".latest.*", ".*.part", ".probe.*", ".gone.*")
_held: list[Path] = []
SPACE_MATTERS_FROM = 64 << 20  # bytes; below it, a full disk is met and named as soon as by an estimate


@contextlib.contextmanager
def in_use(workspace: Path, fresh: bool = False) -> Iterator[None]:
    """Make sure that a workspace can be written, and hold it while a run uses it.

    What dead runs left unfinished is removed; what living ones are building is not.

    Parameters
    ----------
    workspace : Path
    fresh : bool
        Forget all stages first. Published runs stay.

    Raises
    ------
    StorageError
        When the workspace can't be written.
    UsageError
        When stages should be forgotten that another run is using.
    """
    with contextlib.ExitStack() as held:
        with storage_errors(workspace):
            workspace.mkdir(parents=True, exist_ok=True)
            _probe(workspace)
            descriptor, alone = held.enter_context(_locked(workspace))
            if fresh and not alone:
                raise UsageError(f"another run is using {workspace}; wait for it, or choose another --workspace.")
            if alone:
                _forget(workspace, _leftovers(workspace) + ([workspace / "stages"] if fresh else []))
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            sweep(workspace)
        _held.append(workspace)
        held.callback(_held.remove, workspace)
        yield


def sweep(workspace: Path, patience: float = 0) -> None:
    """Remove what dead processes were building; whoever is building holds a lock, freed when it dies.

    Parameters
    ----------
    workspace : Path
    patience : float
        Seconds to wait for each lock, for processes that are just ending.
    """
    for building in [path for pattern in BUILDING for path in workspace.glob(pattern)]:
        lock = FileLock(building.with_name(building.name.removesuffix("building") + "lock"))
        with contextlib.suppress(Timeout), lock.acquire(timeout=patience):
            shutil.rmtree(building, ignore_errors=True)


def sweep_held() -> None:
    """Sweep the workspaces that this process holds, just after its children were ended."""
    for workspace in _held:
        sweep(workspace, patience=0.5)


def require_space(workspace: Path, needed: int, what: str) -> None:
    """Refuse to start what is large and can't end for want of space.

    Raises
    ------
    StorageError
        Gives both numbers.
    """
    free = shutil.disk_usage(workspace).free
    if needed > max(free, SPACE_MATTERS_FROM):
        raise StorageError(
            f"{workspace} has {free / 1e6:,.0f} MB free, and {what} takes about {needed / 1e6:,.0f} MB; "
            "make room or choose another --workspace."
        )


def find_run(run: str, workspace: Path) -> Path:
    """Return the folder of a run, given that folder, its id, or ``latest``.

    Raises
    ------
    UsageError
        When there is none.
    """
    for folder in (workspace / "latest" if run == "latest" else Path(run), workspace / "runs" / run):
        if folder.is_dir():
            return folder.resolve()
    raise UsageError(f"{run} is no run; name its folder, its id below {workspace / 'runs'}, or latest.")


def stages_of(workspace: Path, paths: Sequence[Path]) -> list[str]:
    """Return the stages in which paths lie, as ``<stage>/<key>``; paths elsewhere have none."""
    root = (workspace / "stages").resolve()
    below = [path.resolve().relative_to(root) for path in paths if path.resolve().is_relative_to(root)]
    return sorted({"/".join(path.parts[:2]) for path in below})


@dataclass(frozen=True)
class Cleaned:
    """What cleaning removed: run ids, number of stages, bytes; and folders that are no complete run, left alone."""

    runs: list[str]
    stages: int
    bytes: int
    unknown: list[str]


def clean(workspace: Path, keep: int) -> Cleaned:
    """Remove all but the newest runs, and the stages that none of those uses.

    The run that ``latest`` points to is always kept, and so is a folder that is no complete run.

    Raises
    ------
    UsageError
        When a run is using the workspace, or there is none.
    """
    if not (workspace / "runs").is_dir():
        raise UsageError(f"{workspace} holds no runs; name another --workspace.")
    with storage_errors(workspace), _locked(workspace) as (_, alone):
        if not alone:
            raise UsageError(f"a run is using {workspace}; clean it when that has ended.")
        folders = sorted(path for path in (workspace / "runs").iterdir() if not path.name.startswith("."))
        runs = {folder: facts for folder in folders if (facts := _facts(folder))}
        latest = (workspace / "latest").resolve()
        newest = sorted(runs, key=lambda f: (f.resolve() == latest, runs[f]["result"]["finished"], f.name))[-keep:]
        old = [folder for folder in runs if folder not in newest]
        used = {stage for folder in newest for stage in runs[folder]["result"]["stages"]}
        stages = [
            path for path in (workspace / "stages").glob("*/[!.]*") if f"{path.parent.name}/{path.name}" not in used
        ]
        freed = _bytes_only_in([*old, *stages])
        locks = [path.with_name(f".{path.name}.lock") for path in [*old, *stages]]
        _forget(workspace, [*old, *stages, *locks, *_leftovers(workspace)])
        unknown = [folder.name for folder in folders if folder not in runs]
        return Cleaned([folder.name for folder in old], len(stages), freed, unknown)


def _facts(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a complete run."""
    facts = read_manifest(folder / RUN_MANIFEST)
    return facts if facts and "stages" in facts["result"] else None


def _bytes_only_in(folders: Sequence[Path]) -> int:
    """Return the size of the files whose links, all of them, lie in some folders: what removing those frees."""
    files = [path.stat() for folder in folders for path in folder.rglob("*") if path.is_file()]
    links = Counter(fact.st_ino for fact in files)
    return sum({fact.st_ino: fact.st_size for fact in files if links[fact.st_ino] == fact.st_nlink}.values())


def _leftovers(workspace: Path) -> list[Path]:
    return [path for pattern in LEFTOVERS for path in workspace.glob(pattern)]


def _forget(workspace: Path, paths: Sequence[Path]) -> None:
    """Remove files and folders; each folder is renamed first, so none is ever seen half removed."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            gone = workspace / f".gone.{uuid.uuid4().hex}"
            path.rename(gone)
            shutil.rmtree(gone)
        else:
            path.unlink(missing_ok=True)


def _probe(workspace: Path) -> None:
    """Do once, with one byte, all that storing needs."""
    probe = workspace / f".probe.{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
        probe.replace(probe.with_suffix(".moved"))
    finally:
        for left in (probe, probe.with_suffix(".moved")):
            left.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(workspace: Path) -> Iterator[tuple[int, bool]]:
    """Open the workspace's lock and say whether it is ours alone, for as long as the block runs."""
    descriptor = os.open(workspace / ".in-use", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        yield descriptor, alone
    finally:
        os.close(descriptor)
