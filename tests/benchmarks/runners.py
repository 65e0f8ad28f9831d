"""From how many images on processes decode faster than threads: ``python -m tests.benchmarks.runners``.

Each size is loaded and fingerprinted by the flow's own tasks into a fresh workspace; the start of the pool and what
Prefect costs per task are part of it, as they are of a run. Both runners have one worker per core. The figures depend
on the machine: read the size at which the ratio passes 1.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

from prefect import flow
from prefect.testing.utilities import prefect_test_harness

from flows.prepare import load_letters
from flows.runners import for_decoding
from tasks.acquire.tasks import fetch, index
from tasks.records import Archive
from tasks.spec import Runner, RunSpec
from tests.build import GLYPHS, LETTERS, font_member, glyphs, png, write_tar

SIZES = (6_000, 15_000, 30_000, 60_000, 120_000)
VARIED = 200  # different glyphs per letter; more would only cost time to make


@flow
def load(archive: Path, workspace: Path, runner: Runner) -> float:
    """Load and fingerprint an archive; return the seconds of that alone."""
    spec = RunSpec.of(large=str(archive), small=str(archive), workspace=workspace, runner=runner)
    indexed: list[Archive] = [
        index.submit(fetch.submit(role, str(archive), workspace), workspace).result() for role in ("large", "small")
    ]
    start = time.perf_counter()
    load_letters.with_options(task_runner=for_decoding(0, spec))(GLYPHS, indexed, tuple(LETTERS), workspace)
    return time.perf_counter() - start


def write_archive(count: int, target: Path) -> Path:
    """Write an archive of `count` images of ten letters."""
    members = {}
    for number, letter in enumerate(LETTERS):
        files = [png(image) for image in glyphs(VARIED, seed=number)]
        for i in range(count // len(LETTERS)):
            members[f"root/{letter}/{font_member(f'{i}.ttf')}"] = files[i % VARIED]
    return write_tar(target, members)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="images of both sources together")
    sizes = parser.parse_args(arguments).sizes
    print(f"{'images':>8}  {'threads':>8}  {'processes':>9}  {'threads / processes':>19}   ({os.cpu_count()} cores)")
    with prefect_test_harness(server_startup_timeout=90), tempfile.TemporaryDirectory() as place:
        for size in sizes:
            archive = write_archive(size // 2, Path(place) / f"{size}.tar")
            seconds = {
                runner: load(archive, Path(place) / f"{size}-{runner}", runner) for runner in ("threads", "processes")
            }
            ratio = seconds["threads"] / seconds["processes"]
            print(f"{size:>8,}  {seconds['threads']:>7.1f}s  {seconds['processes']:>8.1f}s  {ratio:>19.2f}", flush=True)


if __name__ == "__main__":
    main()
