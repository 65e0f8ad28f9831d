"""Enter, sweep and search a workspace; docs/architecture.md has its layout.

Every run holds a shared lock, which the system releases when the process dies. The holder of an exclusive lock knows
that all unfinished files belong to dead processes.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

from tasks.errors import DataError, StorageError, UsageError
from tasks.storage import Place, at, building, disk, objects, published, scratch
from tasks.storage.leases import lease

RUN_MANIFEST = "run.json"
# Besides drafts.
LEFTOVERS = ("downloads/.*", "downloads/*/.*", ".*.part", ".probe", ".gone.*", ".review.*", "references/*/.*.part")
SHARED = "CLEANSPLIT_SHARED_WORKSPACE"  # allows a workspace that every user can write
_held: list[Place] = []
DOWNLOADS = "downloads"
STAGES = "stages/*/[!.]*"
BUILT_IN = ("runs", "stages/*", "references/*/*")  # folders of folders that were built
A_RUN = re.compile(r"runs/[^./][^/]*")  # the target of latest


def workspace_at(path: str | PurePath | None) -> Place:
    """Return the workspace at this path; by default CLEANSPLIT_WORKSPACE, or ``./workspace``.

    Raises `StorageError` when ``./workspace`` is a link: a data set may contain it.
    """
    named = path or os.environ.get("CLEANSPLIT_WORKSPACE")
    place = Place.of(named or "workspace")
    if not named and at(place).pointed():
        raise StorageError(f"{place} is a symbolic link; name the folder that you want in --workspace.")
    return replace(place, published=place.in_bucket)


def downloads_in(workspace: Place) -> Place:
    """Return the local folder for the downloads of a workspace."""
    return Place(str(scratch.folder() / DOWNLOADS)) if workspace.published else workspace / DOWNLOADS


def run_at(path: str | PurePath) -> Place:
    """Return the folder of a run, in any workspace."""
    place = Place.of(path)
    root, runs, run = place.root.rpartition("/runs/")
    return replace(place, root=root, name=f"runs/{run}", published=True) if place.in_bucket and runs else place


@contextlib.contextmanager
def in_use(workspace: Place, fresh: bool = False) -> Iterator[None]:
    """Check that a workspace can be written, and hold it while a run uses it.

    Unfinished files of dead runs are removed, those of live runs stay. With `fresh`, all stages are removed first, but
    published runs stay. Raises `StorageError` when the workspace cannot be written, `UsageError` when `fresh` is set
    while another run is using it.
    """
    used = UsageError(f"another run is using {workspace}; wait for it, or choose another --workspace.")
    if workspace.published:
        objects.probe(workspace)
        if fresh:
            with used_alone(workspace, used):
                published.remove(workspace, at(workspace).matching(STAGES))
        with lease(workspace, "run"):
            yield
        return
    with contextlib.ExitStack() as held:
        with disk.storage_errors(workspace):
            disk.make_folder(workspace)
            _refuse_others(workspace)
            refuse_links(workspace)
            alone, share = held.enter_context(building.held(workspace / ".in-use"))
            if fresh and not alone:
                raise used
            if alone:
                disk.forget(leftovers(workspace) + ([workspace / "stages"] if fresh else []), workspace)
            share()
            # One byte shows whether storage works; what dead runs left is removed before.
            building.put(workspace / ".probe", lambda part: disk.write_text(part, "x"))
            disk.remove(workspace / ".probe")
            sweep(workspace)
        _held.append(workspace)
        held.callback(_held.remove, workspace)
        yield


@contextlib.contextmanager
def used_alone(workspace: Place, refused: UsageError) -> Iterator[None]:
    """Exclude runs from a workspace while the block changes it; raises `refused` when one is using it."""
    entered = lease(workspace, "cleaning") if workspace.published else building.held(workspace / ".in-use")
    with entered as (alone, _):
        if not alone:
            raise refused
        yield


def _refuse_others(workspace: Place) -> None:
    """Refuse a workspace that every user can write: they could change the inputs of later runs and exports."""
    if disk.path_of(workspace).stat().st_mode & stat.S_IWOTH and not os.environ.get(SHARED):
        raise StorageError(
            f"every user of this machine can write to {workspace}; remove that permission (chmod o-w), choose another "
            f"--workspace, or set {SHARED}=1 if you trust them all."
        )


def refuse_links(workspace: Place) -> None:
    """Refuse a workspace with links other than ``latest``, which could lead to reading or removing files elsewhere."""
    if workspace.in_bucket:
        return
    latest = workspace / "latest"
    with disk.storage_errors(workspace):
        parts = (DOWNLOADS, "stages", "references", "references/*", *BUILT_IN)
        kept = [place for part in parts for place in at(workspace).matching(part)]
        every = (place for folder in (workspace, *kept) for place in at(folder).matching("*"))
        strange = [one for one in every if (to := at(one).pointed()) and not (one == latest and A_RUN.fullmatch(to))]
    if strange:
        raise StorageError(
            f"{strange[0]} is a symbolic link that cleansplit did not make; remove it, or choose another --workspace."
        )


def sweep(workspace: Place, patience: float = 0) -> None:
    """Remove the unfinished folders of dead processes in a workspace; see `tasks.storage.building.sweep`."""
    for folder in (place for part in BUILT_IN for place in at(workspace).matching(part)):
        building.sweep(folder, patience)


def sweep_held() -> None:
    """Sweep the workspaces that this process holds, after its children have ended."""
    for workspace in _held:
        sweep(workspace, patience=0.5)


def find_run(run: str, workspace: Place) -> Place:
    """Return the folder of a run, given that folder, its id, or ``latest``.

    Raises `UsageError` when it does not exist, `StorageError` when its workspace contains links, and `DataError` when
    the run itself contains links or pipes.
    """
    given = None if run == "latest" else run_at(run)
    if given is None or (given.last == "latest" and at(given).pointed()):
        named = [*filter(None, [latest_in(given.parent if given else workspace)])]
    else:
        named = [given] + ([workspace / "runs" / run] if "/" not in run else [])
    for folder in (one for one in named if at(one / RUN_MANIFEST).exists() or at(one / "report.json").exists()):
        if folder.in_bucket:
            return folder
        for found in (folder, disk.resolved(folder)):  # a link of the user may lead into another workspace
            if found.parent.last == "runs":
                refuse_links(found.parent.parent)
        if strange := disk.strange_below(found):
            raise DataError(f"{found / strange} is not a regular file: cleansplit did not write it; do the run again.")
        return found
    if run == "latest":
        raise UsageError(f"{workspace} has no latest run; run `cleansplit audit SOURCE`, or name another --workspace.")
    raise UsageError(f"run {run} does not exist; give its folder, its id below {workspace / 'runs'}, or latest.")


def latest_in(workspace: Place) -> Place | None:
    """Return the run that ``latest`` points to, if it exists."""
    refuse_links(workspace)
    named = at(workspace / "latest").pointed()
    return workspace / named if named and at(workspace / named).is_folder() else None


def point_latest(run: Place) -> None:
    """Make ``latest`` point to a run of its workspace."""
    runs = run.parent
    at(runs.parent / "latest").point(f"{runs.last}/{run.last}")


def leftovers(workspace: Place) -> list[Place]:
    """Return the unfinished files and folders of dead runs."""
    return [place for pattern in LEFTOVERS for place in at(workspace).matching(pattern)]
