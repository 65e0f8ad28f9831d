"""Pictures per second, beside other tools on the same folder: ``python -m tests.benchmarks.throughput``.

Photographs are made, written as JPEGs into two folders of classes, a twentieth of them twice with small changes, and
then searched for twins: by an audit from a fresh workspace to the published report (Prefect's server runs already), by
CleanVision's near-duplicate check, and by imagededup's perceptual hash. Those two search one folder, not one in
another, and write no report. They are measured where they are installed: ``pip install cleansplit[peers]``.
"""

import argparse
import importlib.util
import io
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing import Pool
from pathlib import Path

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

from prefect.testing.utilities import prefect_test_harness

from flows.audit import audit
from tests.build import saved, scene

CLASSES = 10


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


def cleansplit(place: Path) -> int:
    """Audit train and test; return the test rows with a twin."""
    with tempfile.TemporaryDirectory() as space:
        given = {"train": str(place / "train"), "test": str(place / "test"), "workspace": Path(space)}
        report = audit(**given, view="photo")
        return report.pair("test", "train").either


def cleanvision(place: Path) -> int:
    """Look for near duplicates with CleanVision; return the pictures that have one."""
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(place))
    lab.find_issues({"near_duplicates": {}, "exact_duplicates": {}})
    return int(lab.issues["is_near_duplicates_issue"].sum())


def imagededup(place: Path) -> int:
    """Look for duplicates with imagededup's perceptual hash; return the pictures that have one."""
    from imagededup.methods import PHash

    found = PHash(verbose=False).find_duplicates(image_dir=str(place), recursive=True)
    return sum(bool(twins) for twins in found.values())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print seconds and pictures per second of each tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--size", type=int, nargs=2, default=(500, 375), metavar=("WIDTH", "HEIGHT"))
    given = parser.parse_args(arguments)
    tools: dict[str, Callable[[Path], int]] = {"cleansplit": cleansplit}
    tools |= {f.__name__: f for f in (cleanvision, imagededup) if importlib.util.find_spec(f.__name__)}
    with tempfile.TemporaryDirectory() as folder, prefect_test_harness(server_startup_timeout=90):
        place = Path(folder) / "pictures"
        make(place, given.count, *given.size)
        count = sum(1 for _ in place.rglob("*.jpg"))
        print(f"{count:,} JPEGs of {given.size[0]} x {given.size[1]}, {os.cpu_count()} cores")
        for name, search in tools.items():
            start = time.perf_counter()
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                found = search(place)
            seconds = time.perf_counter() - start
            print(
                f"{name:<20} {seconds:>7.1f} s  {count / seconds:>7,.0f} pictures/s  {found:,} pictures with a twin",
                flush=True,
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of this process {peak:,.0f} MB")


if __name__ == "__main__":
    main()
