"""The commands that review the pairs of a run and apply its decisions; imports as in `commands`."""

import contextlib
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import PurePath

from pydantic import NonNegativeInt

from flows.engine.interrupt import stop_as_usual
from tasks.errors import DataError, UsageError
from tasks.storage import Place, at, building, disk
from tasks.storage.workspace import find_run, workspace_at
from tasks.vocabulary import counted

MOST, FEW = 8, 3  # folders and files that a dry run prints


def review(
    run: str = "latest", *, port: NonNegativeInt = 0, no_browser: bool = False, workspace: PurePath | None = None
) -> None:
    """Open a local page for deciding the pairs of a run, until Ctrl-C. No data leave the machine.

    Every decision is saved at once in decisions.parquet of the workspace. The next run, audit, dedupe, split or
    sanitize in that workspace uses it.
    """
    import threading
    import webbrowser

    from tasks.reporting.review_server import listening, prepare_review, serve, shortcut
    from tasks.storage.decisions import NAME

    def announce(address: str) -> None:
        asked = sum(pair.askable for pair in found.pairs)
        done = sum(
            pair["askable"] and (pair["same"], pair["right"]) != (None, None) for pair in found.answered(found.pairs)
        )
        rest = f"{',' * bool(done)} and {others:,} of identical images" if (others := len(found.pairs) - asked) else ""
        shown = f"{counted(asked, 'pair')} to decide{f', {done:,} of them decided' if done else ''}{rest}"
        print(f"{shown}; Ctrl-C ends the review, and every decision is kept", file=sys.stderr)
        print(address, flush=True)
        if not no_browser:
            page = ending.enter_context(shortcut(address, found.workspace))
            threading.Thread(target=webbrowser.open, args=[page], daemon=True).start()  # some browsers return late

    found = prepare_review(find_run(run, workspace_at(workspace)))
    stop_as_usual()  # Ctrl-C is the normal end of a review
    with listening(port) as opened, contextlib.ExitStack() as ending, contextlib.suppress(KeyboardInterrupt):
        serve(found, opened, announce)
    kept = f"decisions are kept in {found.workspace / NAME}; this command uses them: {found.then}"
    print(kept if at(found.workspace / NAME).exists() else "nothing was decided", file=sys.stderr)


def apply(
    run: str = "latest",
    *,
    move: PurePath | None = None,
    link: PurePath | None = None,
    background: bool = False,
    allow_empty: bool = False,
    execute: bool = False,
    workspace: PurePath | None = None,
) -> None:
    """Move the removed images of a run away, or link the others; nothing is deleted. Without --execute it is a dry run.

    A dry run prints a summary, and writes a list of all files into the workspace. Images to review or to relabel stay
    where they are.
    """
    from tasks.exporting import apply as applying
    from tasks.exporting.originals import Originals
    from tasks.reporting.read import read_findings, read_report

    if (target := move or link) is None or (move and (link or background)):
        more = "; --background goes with --link" if background else ""
        raise UsageError(f"give either --move FOLDER, for the files that go, or --link FOLDER, for the others{more}.")
    folder, out = find_run(run, workspace_at(workspace)), Place.of(target)
    found, report = read_findings(folder), read_report(folder)
    if report.emptied and not allow_empty:
        instead = f"`cleansplit sanitize {folder.last} --protect test` removes images of train instead"
        more = f"{instead}, and --allow-empty" if report.spec.protect == "train" else "--allow-empty"
        raise UsageError(f"{report.emptied[0]} has no image left without a duplicate; {more} goes on without it.")
    originals = Originals(found.archives, folder.parent.parent)
    applying.refuse_inside(out, found.spec.sources.values())
    if link:
        building.refuse_existing(out)
    for source in dict.fromkeys(applying.folders_of(originals, folder)):
        print(f"files are taken from {source}", file=sys.stderr)
    every = applying.gone(folder, originals) if move else applying.kept(folder, report.alone, originals)
    steps = [f for f in every if link or not at(out / f.name).exists() or (f.source and at(f.source).exists())]
    if move and (there := [f.name for f in steps if at(out / f.name).exists()]):
        raise DataError(f"{out / there[0]} already exists; choose another folder. Nothing was moved.")
    before = f"; {len(every) - len(steps):,} had been moved before" if len(steps) < len(every) else ""
    if left := [f"{count:,} to {action}" for action, count in applying.left_to_people(folder).items() if count]:
        print(f"images left for you to decide (see actions.csv): {', '.join(left)}", file=sys.stderr)
    are_here = all(step.source and not step.source.in_bucket for step in steps)
    done = "moved" if move else "linked" if are_here else "linked or copied"
    if not execute:
        listed = folder.parent.parent / f"{folder.last}-{'move' if move else 'link'}.txt"
        most = _list_files([(step.source or step.id, step.name) for step in steps], target, listed)
        print(f"{counted(len(steps), 'file')} would be {done} to {out}{before}{most}", end="", file=sys.stderr)
        print("Dry run: nothing was changed. Add --execute.", file=sys.stderr)
        print(listed)
        return
    (applying.move if move else partial(applying.link, background=background))(steps, originals, out)
    print(f"{done} {counted(len(steps), 'file')}{before}", file=sys.stderr)
    if at(out).exists():
        print(target)


def _list_files(files: Sequence[tuple[Place | str, str]], target: PurePath, listed: Place) -> str:
    """Write the list of files with their new names below a folder; return what a dry run shows of it."""
    lines = [f"{file} -> {target / name}\n" for file, name in files]
    building.put(listed, lambda part: disk.write_text(part, "".join(lines)))
    counts = Counter(name.rpartition("/")[0] for _, name in files).most_common(MOST)
    shown = [f"{count:>9,} {name}\n" for name, count in counts] + ["for example\n", *lines[:FEW]]
    return f"; the largest folders are\n{''.join(shown)}" if files else ".\n"
