"""The same run in threads, on a Dask cluster, and in a bucket: ``python -m tests.benchmarks.cluster [--count N]``.

It generates N glyphs, 2 % of them copies; one of 25 is test, one of 100 validation, the others are train. Other images
are possible: ``--flow audit --given train=a.tar test=b.tar``. A real object store, a scheduler and workers with their
own scratch folders run on this machine, so the figures are for its cores. The output is seconds per stage, the peak
memory of any worker for each kind of task, that of the run's own process, and whether all runs wrote the same files.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

from prefect.testing.utilities import prefect_test_harness

from flows.pipeline import audit, cleansplit, dedupe
from tasks.records import Report
from tasks.storage.stages import read_manifest
from tasks.storage.workspace import RUN_MANIFEST, run_at
from tests.benchmarks.many import SMALL, write
from tests.cluster.dask import Cluster
from tests.cluster.store import BUCKET, Store

FLOWS: dict[str, Callable[..., Report]] = {"run": cleansplit, "audit": audit, "dedupe": dedupe}
WAYS = ("threads", "dask", "bucket")
LOOK = 0.2  # seconds between two looks at the workers' memory
Peaks = dict[str, float]


def settings_of(count: int) -> dict[str, Any]:
    """Return the parameters of a run that takes all glyphs: a small model, so that the other stages show."""
    test, validation = count // SMALL, count // 100
    sizes = {"train": count - test - validation, "validation": validation, "test": test}
    rounded = {name: rows // 10 * 10 for name, rows in sizes.items()}
    return rounded | {"models": ("softmax",), "sizes": (1000,), "max_quarantine": 0.1}


@contextmanager
def watched(cluster: Cluster) -> Iterator[Peaks]:
    """Collect the most memory that a worker held while it did tasks of each kind, in MB."""
    peaks: Peaks = defaultdict(float)
    ended = threading.Event()

    def watch() -> None:
        with cluster.client() as client:
            asked: Any = client
            pids = asked.run(os.getpid)
            while not ended.wait(LOOK):
                with suppress(OSError, LookupError):  # a worker that ended meanwhile
                    for address, keys in asked.processing().items():
                        for kind in {str(key).rsplit("-", 5)[0] for key in keys}:
                            peaks[kind] = max(peaks[kind], _held(pids[address]))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peaks
    finally:
        ended.set()
        watching.join()


def _held(pid: int | str, what: str = "VmRSS") -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split(f"{what}:")[1].split()[0]) / 1024


def timed(what: str, flow: str, given: dict[str, Any], **how: Any) -> dict[str, Any]:
    """Do a run and print what it took; return the facts of its files."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak of this process
    start = time.perf_counter()
    report: Report = FLOWS[flow](**given, **how)
    seconds = time.perf_counter() - start
    manifest = read_manifest(run_at(report.run) / RUN_MANIFEST) or {}
    stages = ", ".join(f"{name} {took:.1f}" for name, took in manifest["result"]["seconds"].items() if took >= 0.5)
    print(f"{what:<28} {seconds:6.1f} s, own process {_held('self', 'VmHWM'):,.0f} MB: {stages}", flush=True)
    files: dict[str, Any] = manifest["files"]
    return files


def parameters_of(given: argparse.Namespace, place: Path) -> dict[str, Any]:
    """Return the parameters of the flow: the given ones, or parameters for generated glyphs."""
    if given.given:
        pairs = (entry.split("=", 1) for entry in given.given)
        return {name: int(value) if value.isdigit() else value for name, value in pairs}
    archives = given.archives or place
    sources = {name: str(archives / f"{name}.tar") for name in ("large", "small")}
    if not Path(sources["small"]).exists():
        archives.mkdir(parents=True, exist_ok=True)
        sources = write(given.count, archives)
    if given.flow == "run":
        return sources | settings_of(given.count)
    return {"source": sources["large"], "max_quarantine": 0.1}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the runs took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--flow", choices=FLOWS, default="run", help="dedupe takes the larger of the two archives")
    parser.add_argument("--given", nargs="+", metavar="NAME=VALUE", help="parameters of the flow, for other images")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", default="1.5GB")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--archives", type=Path, help="folder to keep the archives in, for further runs")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        parameters = parameters_of(given, place)
        print(f"{given.flow}, {given.workers} workers of {given.memory}: {parameters}", flush=True)
        stack.enter_context(prefect_test_harness(server_startup_timeout=90))
        found = []
        if "threads" in given.ways:
            how = {"workspace": place / "t", "runner": "threads"}
            found.append(timed("threads, local disk", given.flow, parameters, **how))
        if set(given.ways) & {"dask", "bucket"}:
            store = stack.enter_context(Store(place / "store"))
            os.environ.update(store.environment | {"CLEANSPLIT_SCRATCH": str(place / "scratch")})
            own = [{"CLEANSPLIT_SCRATCH": str(place / f"scratch-{number}")} for number in range(given.workers)]
            cluster = stack.enter_context(Cluster(place / "cluster", own, given.memory))
            on = {"runner": "dask", "cluster": cluster.address}
            for way, workspace in (("dask", place / "d"), ("bucket", f"s3://{BUCKET}/w")):
                if way in given.ways:
                    with watched(cluster) as peaks:
                        what = "Dask, local disk" if way == "dask" else "Dask, bucket"
                        found.append(timed(what, given.flow, parameters, workspace=workspace, **on))
                    largest = sorted(peaks.items(), key=lambda kind: -kind[1])
                    print("  workers, MB:", ", ".join(f"{kind} {peak:,.0f}" for kind, peak in largest), flush=True)
        same = all(files == found[0] for files in found)
        print(f"all files the same: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
