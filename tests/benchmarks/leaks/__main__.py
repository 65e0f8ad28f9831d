"""One table for all tools and sets: ``python -m tests.benchmarks.leaks [--peers PYTHON] [--page docs/leaks.md]``.

Every tool runs in a process of its own, from the files to its answer: cleansplit as the command, with the temporary
server that it starts; the others from `peers.py`, by an interpreter that has them. `make leaks` prepares one.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.leaks import effects, page
from tests.benchmarks.leaks.sets import DATA, SETS, Known, identical, planted
from tests.benchmarks.leaks.tools import PEERS, Found, cleansplit, measured, peer
from tests.benchmarks.photos import CHANGES, EACH
from tests.benchmarks.photos import SETS as PHOTOS


def everyone(known: Known, python: str | None, space: Path, *more: str) -> dict[str, Found]:
    """Run all tools on a set."""
    found = {"cleansplit": cleansplit([str(known.folder)], space / "w", *more)}
    return found | {tool: peer(tool, python, known.folder) for tool in PEERS if python}


def shares(found: Found) -> list[float] | None:
    """Return the share of planted pictures of each change that are found, or None without an answer."""
    if found.pairs is None:
        return None
    rows = {one for one, _ in found.pairs}
    return [sum(f"planted-{number:02d}-" in row for row in rows) / EACH for number in range(len(CHANGES))]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per set and tool, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", help="interpreter that has cleanvision, imagededup and faiss")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args(arguments)
    if not DATA.is_dir():
        parser.exit(message=f"needs the shared data folder {DATA}, which is not there.\n")
    start = time.perf_counter()
    rows: list[page.Row] = []
    changes: dict[str, list[float] | None] = {}
    for make in SETS:
        with tempfile.TemporaryDirectory() as temporary:
            known = make(Path(temporary) / "set")
            known = replace(known, identical=identical(known.folder))  # which takes out what can't be read
            for tool, found in everyone(known, given.peers, Path(temporary)).items():
                rows.append(page.row(known, tool, found.pairs, found.took.seconds, found.took.peak))
                print(rows[-1].line(), flush=True)
    for archives in PHOTOS:
        with tempfile.TemporaryDirectory() as temporary:
            known = planted(archives)(Path(temporary) / "set")
            for tool, found in everyone(known, given.peers, Path(temporary), "--also", "mirrored").items():
                changes[f"{tool}, {known.name}"] = shares(found)
    table = page.of_changes(list(CHANGES), changes)
    print(table)
    with tempfile.TemporaryDirectory() as temporary:
        done = {name: measured(effects.command(name, Path(temporary) / "w")).said for name in effects.RUNS}
        effect = effects.table(
            [row for name, run in done.items() if run for row in effects.rows_of(name, Path(run.strip()))]
        )
    print(effect)
    print(f"{time.perf_counter() - start:.0f} s in all")
    if given.page:
        given.page.write_text(page.text(rows, table, effect))


if __name__ == "__main__":
    main()
