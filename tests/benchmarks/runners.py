"""Find the number of images from which processes decode faster than threads: ``python -m tests.benchmarks.runners``.

The command loads each size into a fresh workspace, with a running server; the seconds are those of its stage "load
classes", including the start of the pool and Prefect's cost per task. Both runners have one worker per core. The
figures depend on the machine: read the size at which the ratio passes 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tests.build import LETTERS, font_member, glyphs, png, write_tar

SIZES = (15_000, 60_000, 120_000, 240_000, 480_000)
VARIED = 200  # different glyphs per letter; more would only cost time to make
STAGE = re.compile(r"^load classes .* ([\d.]+) s$", re.MULTILINE)


def write_archive(count: int, target: Path) -> Path:
    """Write an archive of `count` images of ten letters."""
    members = {}
    for number, letter in enumerate(LETTERS):
        files = [png(image) for image in glyphs(VARIED, seed=number)]
        for i in range(count // len(LETTERS)):
            members[f"root/{letter}/{font_member(f'{i}.ttf')}"] = files[i % VARIED]
    return write_tar(target, members)


def load(archives: Sequence[Path], workspace: Path, runner: str) -> float:
    """Load both sources, and return the seconds of loading."""
    large, small = map(str, archives)
    sources = ("--large", large, "--small", small, "--train", "10", "--validation", "0", "--test", "10")
    given = ("--workspace", str(workspace), "--runner", runner)
    done = subprocess.run(
        [sys.executable, "-m", "flows.command.cli", "prepare", *sources, *given],
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        capture_output=True,
        text=True,
        check=True,
    )
    (seconds,) = STAGE.findall(done.stderr)
    return float(seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="images of both sources together")
    sizes = parser.parse_args(arguments).sizes
    print(f"{'images':>8}  {'threads':>8}  {'processes':>9}  {'threads / processes':>19}   ({os.cpu_count()} cores)")
    with prefect_test_harness(server_startup_timeout=90), tempfile.TemporaryDirectory() as place:
        for size in sizes:
            archives = [write_archive(size // 2, Path(place) / f"{role}-{size}.tar") for role in ("large", "small")]
            seconds = [load(archives, Path(place) / f"{size}-{runner}", runner) for runner in ("threads", "processes")]
            ratio = seconds[0] / seconds[1]
            print(f"{size:>8,}  {seconds[0]:>7.1f}s  {seconds[1]:>8.1f}s  {ratio:>19.2f}", flush=True)


if __name__ == "__main__":
    main()
