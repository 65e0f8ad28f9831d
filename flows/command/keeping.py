"""The commands of `cleansplit` for published runs and references: no flow, no server; imports as in `commands`."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath

from pydantic import PositiveInt

from tasks.errors import DataError, StorageError, UsageError
from tasks.records.parameters import ReferenceName
from tasks.reporting.read import read_findings, read_report
from tasks.storage import Place, at, building, disk
from tasks.storage.cleaning import clean as remove_old
from tasks.storage.workspace import find_run, workspace_at
from tasks.vocabulary import Format, counted


def verify(run: str = "latest", *, workspace: PurePath | None = None) -> None:
    """Verify every file, row and count of a run. Problems are listed on standard output."""
    from tasks.reporting.verify import require_verified

    folder = find_run(run, workspace_at(workspace))
    require_verified(folder, print)
    print(f"{folder.last} is intact.", file=sys.stderr)


def report(run: str = "latest", *, out: PurePath | None = None, workspace: PurePath | None = None) -> None:
    """Build the page of a run again from its folder, with the history of its workspace."""
    from jinja2 import UndefinedError

    from tasks.presenting.page import build_page
    from tasks.reporting.history import read_history

    folder = find_run(run, workspace_at(workspace))
    target = out or PurePath(f"{folder.last}.html")
    runs = read_history(folder.parent.parent).to_pylist()
    try:
        page = build_page(folder, read_report(folder), runs if len(runs) > 1 else ())
    except (LookupError, StopIteration, RuntimeError, UndefinedError) as error:  # written by another version
        raise DataError(f"{folder} was changed or written by another version; do the run again.") from error
    building.put(Place.of(target), lambda part: disk.write_text(part, page))
    print(target)


def compare(one: str, other: str, *, workspace: PurePath | None = None) -> None:
    """Show what changed between two runs: settings, rows, overlap, accuracy."""
    from rich.console import Console

    from tasks.presenting.changes import changes
    from tasks.presenting.terminal import table_of

    first, second = (read_report(find_run(run, workspace_at(workspace))) for run in (one, other))
    found = changes(first, second)
    Console().print(table_of("", found) if found else "Nothing changed: both runs have the same results.")


def export(
    run: str = "latest",
    *,
    format: Format,  # noqa: A002  # the word of the command
    out: PurePath | None = None,
    workspace: PurePath | None = None,
) -> None:
    """Write the splits of a run in another format.

    course writes the pickles of the notMNIST course, npz the same arrays, or photographs of one size. folder writes one
    file per image: PNGs for glyphs, the originals for photographs; links makes hard links to the originals. parquet
    stores the files inside Parquet, which datasets displays. Two sets are written: raw, and sanitized without the
    removed images.
    """
    from tasks.exporting.export import export_run

    folder = find_run(run, workspace_at(workspace))
    target, report = out or PurePath(f"{folder.last}-{format}"), read_report(folder)
    found = read_findings(folder) if report.kind == "photographs" else None
    for place in export_run(folder, format, Place.of(target), report.classes, found):
        files = [place / name for name in at(place).files_below()] if at(place).is_folder() else [place]
        print(f"{place.last} {-(-sum(at(file).size() for file in files) // 1000):,} kB", file=sys.stderr)
    print(target)


def pull(run: str = "latest", *, out: PurePath | None = None, workspace: PurePath | None = None) -> None:
    """Download the folder of a run from a workspace in a bucket, and verify it."""
    from tasks.exporting.export import pull_run

    folder = find_run(run, workspace_at(workspace))
    target = out or PurePath(folder.last)
    pull_run(folder, Place.of(target))
    print(target)


def clean(*, keep: PositiveInt, workspace: PurePath | None = None) -> None:
    """Remove all but the newest runs, and the intermediate results that only the removed runs used."""
    done = remove_old(workspace_at(workspace), keep)
    for name in done.runs:
        print(name)
    print(*done.sentences, sep="\n", file=sys.stderr)


def list_segments(name: ReferenceName | None = None, *, workspace: PurePath | None = None) -> None:
    """List the references, or the segments of one: what became of each batch, and why segments were dropped."""
    from tasks.records.references import FOLDER, find_reference, read_reference

    space, damaged = workspace_at(workspace), list[DataError]()
    if name is None:
        every = [*at(space / FOLDER).folders()] if at(space / FOLDER).exists() else []
        for known in every:
            try:
                print(f"{known}  {counted(read_reference(space, known).rows, 'image')}")
            except DataError as error:
                damaged.append(error)
        if not every:
            print(f"{space} has no references.", file=sys.stderr)
        for wrong in damaged:
            raise wrong
        return
    for one in find_reference(space, name).segments:
        dropped = f"; dropped: {one.dropped}" if one.dropped else ""
        print(f"{one.id}  {one.added}  {counted(one.prints.rows, 'image')} from {one.arrived.in_short}{dropped}")


def verify_reference(name: ReferenceName, *, workspace: PurePath | None = None) -> None:
    """Verify every file of a reference."""
    from tasks.records.references import find_reference, require_intact

    space = workspace_at(workspace)
    require_intact(space, find_reference(space, name))
    print(f"{name} is intact.", file=sys.stderr)


def drop(name: ReferenceName, segment: str, *, reason: str, workspace: PurePath | None = None) -> None:
    """Drop a segment, given the start of its id: it stays in the list, and no later batch is compared with it."""
    from tasks.records.references import commit, find_reference

    space = workspace_at(workspace)
    before = find_reference(space, name)
    found = {one.id for one in before.live if one.id.startswith(segment)}  # batches without new images may have one id
    if len(found) != 1:
        raise UsageError(f"{len(found)} segments start with {segment!r}; `cleansplit reference list {name}` shows all.")
    goes = [one.id in found and one.dropped is None for one in before.segments]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    parts = zip(before.segments, goes, strict=True)
    kept = tuple(replace(one, dropped=reason, ended=now) if gone else one for one, gone in parts)
    if not commit(space, before, replace(before, segments=kept, ruling=None)):
        raise StorageError(f"another command changed {name}; try again.", heals=True)
