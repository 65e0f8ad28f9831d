"""Clean a workspace: remove old runs and the stages that only they used."""

from dataclasses import dataclass

from tasks.errors import UsageError
from tasks.storage import Place, at, building, disk, published
from tasks.storage.stages import read_manifest, stages_of
from tasks.storage.workspace import RUN_MANIFEST, STAGES, latest_in, leftovers, refuse_links, sweep, used_alone
from tasks.vocabulary import counted


@dataclass(frozen=True)
class Cleanup:
    """Removed run ids, number of removed stages, freed bytes, and incomplete runs, which stay."""

    runs: list[str]
    stages: int
    bytes: int
    unknown: list[str]

    @property
    def sentences(self) -> list[str]:
        """The result in sentences."""
        removed = f"{counted(len(self.runs), 'run')} and {counted(self.stages, 'intermediate result')}"
        left = (f"{name} is not a complete run, so it stays" for name in self.unknown)
        return [*left, f"removed {removed}: {self.bytes / 1e6:,.1f} MB"]


def clean(workspace: Place, keep: int) -> Cleanup:
    """Remove all but the newest `keep` runs, and the stages that only the removed runs used.

    The run that ``latest`` points to always stays, and so do folders that are not complete runs.

    Raises `UsageError` when a run is using the workspace, or when it holds no runs.
    """
    refuse_links(workspace)
    kept = at(workspace / "runs")
    if not kept.is_folder() and not at(workspace / "references").is_folder():
        raise UsageError(f"{workspace} holds no runs; name another --workspace.")
    in_use = UsageError(f"a run is using {workspace}; clean it after that run has ended.")
    with disk.storage_errors(workspace), used_alone(workspace, in_use):
        folders = [workspace / "runs" / name for name in (kept.names() if kept.is_folder() else ())]
        manifests = {folder: read_manifest(folder / RUN_MANIFEST) for folder in folders}
        runs = {folder: facts["result"] for folder, facts in manifests.items() if facts and "stages" in facts["result"]}
        latest = latest_in(workspace)
        old = sorted(runs, key=lambda run: (run == latest, runs[run]["finished"], run.last))[:-keep]
        used = {stage for folder in runs if folder not in old for stage in runs[folder]["stages"]}
        stages = [place for place in at(workspace).matching(STAGES) if stages_of([place.name])[0] not in used]
        unknown = [folder.last for folder in folders if folder not in runs]
        return Cleanup([folder.last for folder in old], len(stages), _remove(workspace, [*old, *stages]), unknown)


def _remove(workspace: Place, folders: list[Place]) -> int:
    if workspace.published:
        return published.remove(workspace, folders)
    sweep(workspace)
    freed = disk.bytes_only_in(folders)
    disk.forget([*folders, *map(building.lock_of, folders), *leftovers(workspace)], workspace)
    return freed
