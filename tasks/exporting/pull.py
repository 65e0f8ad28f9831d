"""Bring the folder of a run here, from wherever its workspace lies."""

from contextlib import suppress

from tasks.errors import DataError, UsageError
from tasks.storage import building, disk
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place
from tasks.storage.stages import damaged_files, read_manifest
from tasks.storage.stores import at
from tasks.storage.workspace import RUN_MANIFEST


def pull_run(run: Place, out: Place) -> None:
    """Copy a run to a folder that does not exist yet, and verify every file of it.

    Raises `UsageError` when `out` exists, `DataError` when the run is damaged; nothing is left at `out` then.
    """
    if at(out).exists():
        raise UsageError(f"{out} is there already; remove it, or give another --out.")
    with storage_errors(out):
        disk.make_folder(out.parent)
        with building.draft(out, exclusive=False) as draft:
            with suppress(FileNotFoundError):  # what is missing is then missing in the draft
                for name in at(run).files_below():
                    at(run / name).copy(draft / name)
            manifest = read_manifest(draft / RUN_MANIFEST)
            if manifest is None or damaged_files(draft, manifest["files"]):
                raise DataError(f"{run} is damaged; run the command that made it again to rebuild it.")
