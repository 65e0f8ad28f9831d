"""Clean a workspace: remove old runs, and the stages that none of the others uses."""

from dataclasses import dataclass
from typing import Any

from tasks.errors import UsageError
from tasks.storage import bucket_cleaning, building, disk
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place
from tasks.storage.stages import read_manifest, stages_of
from tasks.storage.stores import at
from tasks.storage.workspace import RUN_MANIFEST, STAGES, latest_in, leftovers, refuse_links, sweep, used_alone


@dataclass(frozen=True)
class Cleanup:
    """What cleaning removed: run ids, number of stages, bytes; and incomplete runs, which were left in place."""

    runs: list[str]
    stages: int
    bytes: int
    unknown: list[str]


def clean(workspace: Place, keep: int) -> Cleanup:
    """Remove all but the newest runs, and the stages that none of those uses.

    The run that ``latest`` points to is always kept, and so is a folder that is not a complete run.

    Raises `UsageError` when a run is using the workspace, or there is none.
    """
    refuse_links(workspace)
    if not at(workspace / "runs").is_folder():
        raise UsageError(f"{workspace} holds no runs; name another --workspace.")
    in_use = UsageError(f"a run is using {workspace}; clean it when that has ended.")
    with storage_errors(workspace), used_alone(workspace, in_use):
        folders = [workspace / "runs" / name for name in at(workspace / "runs").names()]
        runs = {folder: facts for folder in folders if (facts := _facts(folder))}
        old = _old_runs(workspace, runs, keep)
        used = {stage for folder in runs if folder not in old for stage in runs[folder]["result"]["stages"]}
        stages = [place for place in at(workspace).matching(STAGES) if stages_of([place.name])[0] not in used]
        freed = _remove(workspace, [*old, *stages])
        unknown = [folder.last for folder in folders if folder not in runs]
        return Cleanup([folder.last for folder in old], len(stages), freed, unknown)


def _remove(workspace: Place, folders: list[Place]) -> int:
    """Remove published folders; return the bytes that this frees."""
    if workspace.published:
        return bucket_cleaning.remove(workspace, folders)
    sweep(workspace)
    freed = disk.bytes_only_in(folders)
    disk.forget([*folders, *map(building.lock_of, folders), *leftovers(workspace)], workspace)
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
