"""A set of notMNIST's size, compared with a notebook: ``python -m tests.benchmarks.notebook [--rounds 3]``.

A round takes six minutes. `cleansplit run` draws 200,000, 10,000 and 10,000 rows, measures and removes their overlap,
and trains one small model; then the course's notebook with datasketch does the same without training. Both scripts are
in the shared folder next to this project. ``--archives FOLDER`` keeps the two archives of notMNIST's size; making them
takes two minutes. The output is seconds by stage, seconds outside of stages (start, end, and Prefect in between), the
processor time of all processes, and the ratio of each round and of all.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.leaks.tools import Measured, measured, show, stages_of
from tests.build import SHARED

ROWS = ("--train", "200000", "--validation", "10000", "--test", "10000")
ONE_MODEL = ("--models", "softmax", "--sizes", "1000", "--max-quarantine", "0.1")
LIMIT = 1200  # seconds
ARCHIVES = ("notMNIST_large.tar.gz", "notMNIST_small.tar.gz")


def timed(name: str, command: Sequence[str]) -> Measured:
    """Run a command, and print what it took."""
    took = measured(command, LIMIT)
    if took.said is None:
        raise SystemExit(f"{' '.join(command[:3])} failed, or took longer than {LIMIT} seconds")
    print(f"\n{name}: {took.seconds:.1f} s")
    return took


def compare(archives: Sequence[str], workspace: Path) -> tuple[float, float]:
    """Run cleansplit, then the notebook; return the seconds of both."""
    sources = ("--large", archives[0], "--small", archives[1], "--workspace", str(workspace))
    took = timed("cleansplit", [sys.executable, "-m", "flows.command.cli", "run", *sources, *ROWS, *ONE_MODEL])
    show(stages_of(workspace), took.seconds, took.worked)
    shutil.rmtree(workspace)
    notebook = [sys.executable, str(SHARED / "bench" / "notebook_baseline.py"), *archives, *ROWS, "--no-fit"]
    theirs = timed("notebook", notebook)
    show(json.loads(str(theirs.said).splitlines()[-1])["seconds"], theirs.seconds, theirs.worked)
    print(f"\nThe notebook takes {theirs.seconds / took.seconds:.1f} times as long.")
    return took.seconds, theirs.seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rounds, and how many times longer the notebook takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archives", type=Path, help="folder with both archives, which are made if they are not there")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args(arguments)
    scripts = SHARED / "bench"
    if not scripts.is_dir():
        print(f"skipped: {scripts}, which makes the archives and holds the notebook, is not here")
        return
    with tempfile.TemporaryDirectory() as folder:
        place = given.archives or Path(folder)
        archives = [str(place / name) for name in ARCHIVES]
        if not all(map(os.path.exists, archives)):
            subprocess.run([sys.executable, scripts / "make_full_scale.py", place], check=True)
        rounds = [compare(archives, Path(folder) / f"w{number}") for number in range(given.rounds)]
    ours, theirs = (sum(seconds) for seconds in zip(*rounds, strict=True))
    print(f"\nIn {given.rounds} rounds the notebook takes {theirs / ours:.1f} times as long.")


if __name__ == "__main__":
    main()
