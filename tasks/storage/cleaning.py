"""Clean a workspace: remove old runs, and the stages that none of the others uses."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.errors import UsageError
from tasks.storage import disk
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place
from tasks.storage.stages import read_manifest, stages_of
from tasks.storage.workspace import RUN_MANIFEST, STAGES, latest_in, leftovers, refuse_links, sweep


@dataclass(frozen=True)
class Cleanup:
    """What cleaning removed: run ids, number of stages, bytes; and folders that are no complete run, left alone."""

    runs: list[str]
    stages: int
    bytes: int
    unknown: list[str]


def clean(workspace: Place, keep: int) -> Cleanup:
    """Remove all but the newest runs, and the stages that none of those uses.

    The run that ``latest`` points to is always kept, and so is a folder that is no complete run.

    Raises
    ------
    UsageError
        When a run is using the workspace, or there is none.
    """
    refuse_links(workspace)
    if not disk.is_folder(workspace / "runs"):
        raise UsageError(f"{workspace} holds no runs; name another --workspace.")
    with storage_errors(workspace), _to_clean(workspace):
        folders = [workspace / "runs" / name for name in disk.names_in(workspace / "runs")]
        runs = {folder: facts for folder in folders if (facts := _facts(folder))}
        old = _old_runs(workspace, runs, keep)
        used = {stage for folder in runs if folder not in old for stage in runs[folder]["result"]["stages"]}
        stages = [place for place in disk.matching(workspace, STAGES) if stages_of([place.name])[0] not in used]
        freed = _remove(workspace, [*old, *stages])
        unknown = [folder.last for folder in folders if folder not in runs]
        return Cleanup([folder.last for folder in old], len(stages), freed, unknown)


@contextlib.contextmanager
def _to_clean(workspace: Place) -> Iterator[None]:
    """Keep runs away while a workspace is cleaned."""
    refused = UsageError(f"a run is using {workspace}; clean it when that has ended.")
    if workspace.published:
        from tasks.storage.leases import lease

        with lease(workspace, "cleaning") as is_used:
            if is_used:
                raise refused
            yield
        return
    with disk.held(workspace / ".in-use") as (alone, _):
        if not alone:
            raise refused
        yield


def _remove(workspace: Place, folders: list[Place]) -> int:
    """Remove published folders; return the bytes that this frees."""
    if workspace.published:
        from tasks.storage.bucket_cleaning import remove

        return remove(workspace, folders)
    sweep(workspace)
    freed = disk.bytes_only_in(folders)
    disk.forget([*folders, *map(disk.lock_of, folders), *leftovers(workspace)], workspace)
    return freed


def _old_runs(workspace: Place, runs: dict[Place, dict[str, Any]], keep: int) -> list[Place]:
    """Return all but the newest runs; that which ``latest`` points to counts as the newest."""
    latest = latest_in(workspace)
    ordered = sorted(runs, key=lambda run: (run == latest, runs[run]["result"]["finished"], run.last))
    return [run for run in runs if run in ordered[:-keep]]


def _facts(folder: Place) -> dict[str, Any] | None:
    """Return the manifest of a complete run."""
    facts = read_manifest(folder / RUN_MANIFEST)
    return facts if facts and "stages" in facts["result"] else None
