"""Choose how tasks run side by side, by what was asked for and what the machine has."""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.engine.progress import say
from tasks.errors import ProcessLostError, UsageError
from tasks.processes import in_processes
from tasks.records.spec import SourceSpec, WorkSpec

T = TypeVar("T")
AnyRunner = TaskRunner[PrefectFuture[Any]]

GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2 and 1
PER_TASK, MEMORY_SHARE = 1.0, 0.75  # GB that the largest tasks take; see tests/benchmarks/cluster.py
PROCESSES_FROM = 100_000  # glyphs from which starting a process pool pays off; see tests/benchmarks/runners.py
PACKED_GLYPH = 480  # bytes of notMNIST's archives for each
PER_TILE, PER_IMAGE = 0.5, 1.5e-6  # GB of a process that compares photographs; see tests/benchmarks/photo_scale.py


class Workers(NamedTuple):
    """What the tasks of a flow run on: a runner, and how many processes do their heavy work; 0 for none."""

    runner: AnyRunner
    processes: int = 0


def side_by_side(spec: WorkSpec) -> AnyRunner:
    """Return the runner for all but decoding: threads, or the cluster that was asked for."""
    return _cluster().on_cluster(spec) if spec.on_dask else threads(at_once(spec))


def memory_of_task(spec: WorkSpec) -> float:
    """Return the gigabytes that a task may take which runs alone: those of this machine, or of a worker."""
    return _cluster().memory_of_worker(spec) if spec.on_dask else memory_of_machine()


def _cluster() -> ModuleType:
    """Import what speaks with Dask, which takes two seconds."""
    try:
        from flows.engine import cluster
    except ImportError as error:
        raise UsageError(
            "for --runner dask, install cleansplit with its extra: pip install 'cleansplit[dask]'."
        ) from error
    return cluster


def threads(workers: int) -> AnyRunner:
    """Return a runner for work that mostly waits or runs inside numpy."""
    return cast(AnyRunner, ThreadPoolTaskRunner(max_workers=workers))


def for_decoding(glyphs: int, spec: SourceSpec) -> Workers:
    """Return the workers that were asked for; by default processes when there is enough to do, threads otherwise."""
    return _workers(spec, glyphs >= PROCESSES_FROM or spec.runner == "processes", PER_TASK)


def for_tiles(images: int, spec: WorkSpec) -> Workers:
    """Return the workers for tiles of photographs, given the images of the largest slice.

    Laying pictures over each other takes many short steps, after each of which threads wait for the interpreter: two
    are a third faster than one, and more are not.
    """
    return _workers(spec, True, max(PER_TASK, PER_TILE + PER_IMAGE * images))


def _workers(spec: WorkSpec, processes: bool, gigabytes: float) -> Workers:
    if spec.on_dask:
        return Workers(side_by_side(spec))
    count = at_once(spec, gigabytes)
    if not processes or spec.runner == "threads" or (spec.runner == "auto" and count == 1):
        return Workers(threads(count))
    return Workers(threads(count + 1), count)  # while a thread keeps the books of a task, no process waits


def again_in_one(do: Callable[[AnyRunner], T], workers: Workers, spec: WorkSpec) -> T:
    """Do something on workers; when their processes are lost, do what is not finished one task after the other."""
    try:
        with in_processes(workers.processes):
            return do(workers.runner)
    except ProcessLostError as lost:
        if spec.on_dask:  # whose tasks were tried again already
            raise
        say(f"{lost} What is not finished is done in one process.")
        return do(threads(1))


def memory_of_machine() -> float:
    """Return the memory that this process may use, in gigabytes."""
    bytes_there = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        bytes_there.append(limit)
    for name in GROUPS:
        text = Path(name).read_text().strip() if Path(name).exists() else ""
        if text.isdigit():  # "max" is none
            bytes_there.append(int(text))
    return min(bytes_there) / 1e9


def at_once(spec: WorkSpec, per_task: float = PER_TASK) -> int:
    """Return how many tasks of `per_task` gigabytes run at once: as asked for, or one per core if memory has room."""
    if spec.workers and not spec.memory:
        return spec.workers
    room = int((spec.memory or MEMORY_SHARE * memory_of_machine()) / per_task)
    return max(1, min(spec.workers or os.cpu_count() or 1, room))
