"""Seconds of whole commands, compared with other tools: ``python -m tests.benchmarks.throughput [--peers PYTHON]``.

First come the commands that do nothing new: help, a mistyped option, and the default run, the first time and again.
Then photographs are made for each of ``--counts`` and written as JPEGs into two folders of classes. A twentieth of test
are copies of train with small changes. Each tool searches the files for duplicates in a process of its own: cleansplit
as the command, with the server that it starts, and its report; the others from `tests.benchmarks.leaks.peers`, by an
interpreter that has them.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path

from tests.benchmarks.leaks.tools import PEERS, cleansplit, measured, peer, show, stages_of
from tests.build import saved, scene

CLASSES = 10
COMMAND = (sys.executable, "-m", "flows.command.cli")


def write_pictures(job: tuple[Path, int, int, int, int]) -> None:
    """Write pictures of one class; every twentieth of test is one of train at another quality."""
    folder, first, count, width, height = job
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        twin = folder.parts[-2] == "test" and number % 20 == 0
        image = scene(width, height, seed=number - 1_000_000 if twin else number)
        (folder / f"{number}.jpg").write_bytes(saved(image, "JPEG", quality=70 if twin else 85))


def make(place: Path, count: int, width: int, height: int) -> None:
    """Write train (five sixths) and test."""
    jobs = []
    for label in range(CLASSES):
        start = 10_000 * label
        jobs.append((place / "train" / f"class {label}", start, count * 5 // 6 // CLASSES, width, height))
        jobs.append((place / "test" / f"class {label}", 1_000_000 + start, count // 6 // CLASSES, width, height))
    with Pool() as pool:
        pool.map(write_pictures, jobs)
    os.sync()  # otherwise the first tool that writes safely waits for these files, too


def commands(space: Path) -> None:
    """Print the seconds of commands that start, and of the default run."""
    run = ("run", "--workspace", str(space / "w"))
    for name, arguments in {"--help": ("--help",), "run --tresh 1": ("run", "--tresh", "1"), "run": run}.items():
        print(f"{name:<20} {measured([*COMMAND, *arguments]).seconds:>7.1f} s", flush=True)
    print(f"{'run again':<20} {measured([*COMMAND, *run]).seconds:>7.1f} s", flush=True)


def compare(space: Path, count: int, size: tuple[int, int], peers: str | None) -> None:
    """Print seconds, pictures per second and memory of each tool, and where those of cleansplit went."""
    place = space / "pictures"
    make(place, count, *size)
    count = sum(1 for _ in place.rglob("*.jpg"))
    print(f"{count:,} JPEGs of {size[0]} x {size[1]}, {os.cpu_count()} cores")
    found = {"cleansplit": cleansplit([str(place)], space / "audit", "--view", "photo")}
    found |= {tool: peer(tool, peers, place) for tool in PEERS if peers}
    for tool, one in found.items():
        if one.pairs is None:
            print(f"{tool:<20} failed, or is not installed")
            continue
        rate, rows = count / one.took.seconds, len({test for test, _ in one.pairs})
        what = f"{rate:>7,.0f} pictures/s  {one.took.peak:>6,.0f} MB  {rows:,} test rows with a duplicate"
        print(f"{tool:<20} {one.took.seconds:>7.1f} s, of processors {one.took.worked:>5.1f}  {what}", flush=True)
    took = found["cleansplit"].took
    print("cleansplit, by stage")
    show(stages_of(space / "audit"), took.seconds, took.worked)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the seconds of commands, then of all tools for each number of photographs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=(3000, 10_000))
    parser.add_argument("--size", type=int, nargs=2, default=(500, 375), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--peers", help="interpreter that has cleanvision, imagededup and faiss")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        commands(Path(folder))
    for count in given.counts:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), count, given.size, given.peers)


if __name__ == "__main__":
    main()
