"""The commands that turn a run into decisions: review its pairs, carry out its actions; imports as in `commands`."""

import contextlib
import sys
from pathlib import PurePath

from pydantic import NonNegativeInt

from flows.engine.interrupt import stop_as_usual
from tasks.errors import UsageError
from tasks.records import parameters as p
from tasks.storage.place import Place
from tasks.storage.workspace import find_run, workspace_at


def review(
    run: p.RunName = "latest", *, port: NonNegativeInt = 0, no_browser: bool = False, workspace: p.Workspace = None
) -> None:
    """Open a local page for deciding the pairs of a run, until Ctrl-C. No data leave the machine.

    Every decision is saved at once in decisions.parquet of the workspace. The next run, audit, dedupe, split or
    sanitize in that workspace uses it.

    Parameters
    ----------
    port
        Port of 127.0.0.1 to listen on; by default any free port.
    no_browser
        Only print the address.
    """
    import threading
    import webbrowser

    from tasks.reporting.review_server import listening, prepare, serve, shortcut
    from tasks.storage.decisions import NAME

    def announce(address: str) -> None:
        print(f"{len(found.pairs):,} pairs; Ctrl-C ends the review, and every decision is kept", file=sys.stderr)
        print(address, flush=True)
        if not no_browser:
            page = ending.enter_context(shortcut(address, found.workspace))
            threading.Thread(target=webbrowser.open, args=[page], daemon=True).start()  # some browsers return late

    found = prepare(find_run(run, workspace_at(workspace)))
    stop_as_usual()  # Ctrl-C is the normal end of a review
    with listening(port) as at, contextlib.ExitStack() as ending, contextlib.suppress(KeyboardInterrupt):
        serve(found, at, announce)
    print(f"decisions are kept in {found.workspace / NAME}; this command uses them: {found.then}", file=sys.stderr)


def apply(
    run: p.RunName = "latest",
    *,
    move: PurePath | None = None,
    link: PurePath | None = None,
    execute: bool = False,
    workspace: p.Workspace = None,
) -> None:
    """Carry out the actions of a run without deleting anything. By default, this is a dry run.

    Images to review, and images to relabel, stay in place; their number is printed.

    Parameters
    ----------
    move
        Folder to move the removed files to.
    link
        Folder to make, with hard links to all files that stay, or copies of files in archives.
    execute
        Change files.
    """
    from tasks.exporting import apply as applying
    from tasks.exporting.originals import Originals
    from tasks.reporting.read import read_findings, read_report

    if (target := move or link) is None or (move and link):
        raise UsageError("give either --move FOLDER, for the files that go, or --link FOLDER, for those that stay.")
    folder, out = find_run(run, workspace_at(workspace)), Place.of(target)
    found = read_findings(folder)
    originals = Originals(found.archives, folder.parent.parent)
    applying.refuse_inside(out, found.spec.sources.values())
    for source in applying.folders_of(originals, folder):
        print(f"files are taken from {source}", file=sys.stderr)
    steps = applying.gone(folder, originals) if move else applying.kept(folder, read_report(folder).alone, originals)
    doing = f"{len(steps):,} files {'move' if move else 'are linked'} to {out}"
    for action, count in applying.left_to_people(folder).items():
        if count:
            print(f"actions.csv says {action} of {count:,} images; they stay where they are", file=sys.stderr)
    if not execute:
        for step in steps:
            print(f"{step.source or step.id} -> {target / step.name}")
        print(f"{doing} with --execute; nothing was done yet", file=sys.stderr)
        return
    if move:
        done = applying.move(steps, originals, out)
        print(f"moved {done:,} files, {len(steps) - done:,} were there already", file=sys.stderr)
    else:
        applying.link(steps, originals, out)
        print(f"linked {len(steps):,} files", file=sys.stderr)
    print(target)
