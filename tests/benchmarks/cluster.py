"""The same run in threads, on a Dask cluster, and in a bucket: ``python -m tests.benchmarks.cluster [--count N]``.

N glyphs are made, two in a hundred of them copies; 24 of 25 are the large archive. A real object store, a scheduler and
workers with scratch folders of their own run on this machine, so the figures are of its cores. Printed are seconds per
stage, the peak of the largest worker, and whether all three runs left the same files.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

import numpy as np
from prefect.testing.utilities import prefect_test_harness

from flows.pipeline import cleansplit
from tasks.records import Report
from tasks.storage.stages import read_manifest
from tasks.storage.workspace import RUN_MANIFEST, run_at
from tests.build import LETTERS, Gray, glyphs, members_of, noise, write_tar
from tests.cluster.dask import Cluster
from tests.cluster.store import BUCKET, Store

SHAPES = 2000  # that glyphs are drawn from
SETTINGS: dict[str, Any] = {"models": ("softmax",), "sizes": (1000,), "max_quarantine": 0.1}


def drawn(count: int, seed: int) -> list[Gray]:
    """Return glyphs that differ from each other in noise, two in a hundred of them copies of others."""
    rng = np.random.default_rng(seed)
    shapes = glyphs(min(SHAPES, count), seed)
    found = [noise(shapes[number % len(shapes)], 40, seed=seed + number) for number in range(count)]
    for number in rng.choice(count, count // 50, replace=False):
        found[number] = found[int(rng.integers(count))]
    return found


def write(count: int, place: Path) -> dict[str, str]:
    """Write two archives; return where they lie."""
    share = count // len(LETTERS)
    small = share // 25
    of = {letter: drawn(share, seed=1000 * number) for number, letter in enumerate(LETTERS)}
    parts = {
        "large": {letter: images[small:] for letter, images in of.items()},
        "small": {letter: images[:small] for letter, images in of.items()},
    }
    return {name: str(write_tar(place / f"{name}.tar", members_of(part, name))) for name, part in parts.items()}


@contextmanager
def watched(cluster: Cluster) -> Iterator[list[float]]:
    """Collect the most memory that any worker held while the block runs, in MB."""
    peaks, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(1):
            with suppress(OSError, LookupError):  # one that ended meanwhile
                status = [Path(f"/proc/{pid}/status").read_text() for pid in cluster.pids.values()]
                peaks.append(max(int(text.split("VmHWM:")[1].split()[0]) / 1024 for text in status))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peaks
    finally:
        ended.set()
        watching.join()


def timed(what: str, sources: dict[str, str], **how: Any) -> tuple[Report, dict[str, Any]]:
    """Do a run and print what it took; return its report and the facts of its files."""
    start = time.perf_counter()
    report = cleansplit(**sources, **SETTINGS, **how)
    seconds = time.perf_counter() - start
    manifest = read_manifest(run_at(report.run) / RUN_MANIFEST) or {}
    stages = ", ".join(f"{name} {took:.1f}" for name, took in manifest["result"]["seconds"].items() if took >= 0.5)
    print(f"{what:<28} {seconds:6.1f} s: {stages}", flush=True)
    return report, manifest["files"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what three runs took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="1.5GB")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, prefect_test_harness(server_startup_timeout=90):
        place = Path(folder)
        sources = write(given.count, place)
        print(f"{given.count:,} glyphs, {given.workers} workers of {given.memory}", flush=True)
        _, first = timed("threads, local disk", sources, workspace=place / "threads", runner="threads")
        with Store(place / "store") as store:
            os.environ.update(store.environment | {"CLEANSPLIT_SCRATCH": str(place / "scratch")})
            own = [{"CLEANSPLIT_SCRATCH": str(place / f"scratch-{number}")} for number in range(given.workers)]
            with Cluster(place / "cluster", own, given.memory) as cluster, watched(cluster) as peaks:
                on = {"runner": "dask", "cluster": cluster.address}
                _, second = timed("Dask, local disk", sources, workspace=place / "dask", **on)
                _, third = timed("Dask, bucket", sources, workspace=f"s3://{BUCKET}/w", **on)
        print(f"largest worker {max(peaks):,.0f} MB; all files the same: {first == second == third}")


if __name__ == "__main__":
    main()
