"""notMNIST's size beside a notebook: ``python -m tests.benchmarks.notebook [--archives FOLDER]``; seven minutes.

Two archives of notMNIST's size are made, or were; then `cleansplit run` draws 200,000, 10,000 and 10,000 rows,
measures and removes their overlap, and trains one small model; then the course's notebook with datasketch does the same
without any training. Both scripts lie in the shared folder beside this project. Printed are seconds by stage, what is
outside of stages (start, end, the report, and what Prefect does between), the processor time of all processes, and the
ratio.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.leaks.tools import measured, stages_of
from tests.build import SHARED

ROWS = ("--train", "200000", "--validation", "10000", "--test", "10000")
ONE_MODEL = ("--models", "softmax", "--sizes", "1000", "--max-quarantine", "0.1")
LIMIT = 1200  # seconds
ARCHIVES = ("notMNIST_large.tar.gz", "notMNIST_small.tar.gz")


def timed(command: Sequence[str]) -> tuple[str, float, float]:
    """Run a command; return what it prints, its seconds, and those of processors that it and its processes took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said, seconds, _ = measured(command, LIMIT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if said is None:
        raise SystemExit(f"{' '.join(command[:3])} failed, or took longer than {LIMIT} seconds")
    return said, seconds, sum(getattr(after, name) - getattr(before, name) for name in ("ru_utime", "ru_stime"))


def show(name: str, stages: dict[str, float], seconds: float, worked: float) -> None:
    """Print the seconds of a run, and where they went."""
    print(f"\n{name}: {seconds:.1f} s, of processors {worked:.1f} s")
    for stage, own in stages.items():
        print(f"  {stage:<22} {own:>6.1f}")
    print(f"  {'outside of stages':<22} {seconds - sum(stages.values()):>6.1f}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both, and how many times longer the notebook takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archives", type=Path, help="folder with both archives, which are made if they are not there")
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
        sources = ("--large", archives[0], "--small", archives[1], "--workspace", folder)
        command = [sys.executable, "-m", "flows.command.cli", "run", *sources, *ROWS, *ONE_MODEL]
        _, seconds, worked = timed(command)
        ours = stages_of(Path(folder))
        show("cleansplit", ours, seconds, worked)
        notebook = [sys.executable, str(scripts / "notebook_baseline.py"), *archives, *ROWS, "--no-fit"]
        said, theirs, their_work = timed(notebook)
        stages = json.loads(said.splitlines()[-1])["seconds"]
        show("notebook", stages, theirs, their_work)
    of_stages = sum(stages.values()) / sum(ours.values())
    print(f"\nThe notebook takes {theirs / seconds:.1f} times as long, in stages {of_stages:.1f} times.")


if __name__ == "__main__":
    main()
