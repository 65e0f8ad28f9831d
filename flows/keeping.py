"""The commands of `cleansplit` for runs that are there: no flow, no server."""

import sys
from pathlib import Path

from pydantic import PositiveInt
from rich.console import Console

from tasks.errors import DataError
from tasks.reporting.assemble import read_report
from tasks.reporting.changes import changes
from tasks.reporting.galleries import THUMBNAILS
from tasks.reporting.history import read_history
from tasks.reporting.page import build_page
from tasks.reporting.run import read_findings
from tasks.reporting.terminal import print_changes
from tasks.reporting.verify import verify_run
from tasks.spec import DEFAULT_WORKSPACE
from tasks.splits.export import Format, export_run
from tasks.store import put
from tasks.workspace import clean as remove_old
from tasks.workspace import find_run


def verify(run: str = "latest", *, workspace: Path = DEFAULT_WORKSPACE) -> None:
    """Read a run again, whole: every file, every row, every count. What is wrong is listed on standard output.

    Parameters
    ----------
    run
        The run's folder, its id, or latest.
    workspace
        Folder that holds the runs.
    """
    folder = find_run(run, workspace)
    wrong = verify_run(folder)
    for thing in wrong:
        print(thing)
    if wrong:
        things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise DataError(f"{things} wrong with {folder}; the command that made it, started again, rebuilds it.")
    print(f"{folder.name} is whole: every file, row and count is as it was published.", file=sys.stderr)


def report(run: str = "latest", *, out: Path | None = None, workspace: Path = DEFAULT_WORKSPACE) -> None:
    """Build the page of a run again, from what lies in its folder, with the history of its workspace's runs.

    Parameters
    ----------
    run
        The run's folder, its id, or latest.
    out
        File to write; by default RUN.html in the current folder. The page in the run's folder stays as it is.
    workspace
        Folder that holds the runs.
    """
    folder = find_run(run, workspace)
    target = out or Path(f"{folder.name}.html")
    runs = read_history(folder.parents[1]).to_pylist()
    page = build_page(folder, read_report(folder), runs if len(runs) > 1 else ())
    put(target, lambda part: part.write_text(page))
    print(target)


def compare(one: str, other: str, *, workspace: Path = DEFAULT_WORKSPACE) -> None:
    """Show what changed between two runs: settings, rows, overlap, accuracy.

    Parameters
    ----------
    one
        The earlier run: its folder, its id, or latest.
    other
        The later run.
    workspace
        Folder that holds the runs.
    """
    first, second = (read_report(find_run(run, workspace)) for run in (one, other))
    print_changes(changes(first, second), Console())


def export(
    run: str = "latest",
    *,
    format: Format,  # noqa: A002  # the word of the command
    out: Path | None = None,
    workspace: Path = DEFAULT_WORKSPACE,
) -> None:
    """Write the splits of a run in another form.

    course has the notMNIST course's pickles, npz the same arrays. folder has a file per image: PNGs of glyphs, the
    originals of pictures; links has hard links to these, and parquet the files inside Parquet, where datasets shows
    them as images.

    Parameters
    ----------
    run
        The run's folder, its id, or latest.
    format
        course, npz, folder, links or parquet.
    out
        Folder to write; it must not exist. By default RUN-FORMAT in the current folder.
    workspace
        Folder that holds the runs.
    """
    folder = find_run(run, workspace)
    target = out or Path(f"{folder.name}-{format}")
    pictures = (folder / THUMBNAILS).exists()
    archives = read_findings(folder).archives if pictures else ()
    for path in export_run(folder, format, target, read_report(folder).classes, archives):
        size = sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
        print(f"{path.name} {size / 1e6:,.1f} MB", file=sys.stderr)
    print(target)


def clean(*, keep: PositiveInt, workspace: Path = DEFAULT_WORKSPACE) -> None:
    """Remove all but the newest runs, and the intermediate results that none of those uses.

    Parameters
    ----------
    keep
        Number of runs to keep; the newest is always among them.
    workspace
        Folder that holds the runs.
    """
    done = remove_old(workspace, keep)
    for name in done.runs:
        print(name)
    for name in done.unknown:
        print(f"{name} is no complete run, and was left alone", file=sys.stderr)
    print(
        f"removed {len(done.runs)} runs and {done.stages} intermediate results: {done.bytes / 1e6:,.1f} MB",
        file=sys.stderr,
    )
