"""Choose how tasks run in parallel, from the parameters and the resources of the machine."""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from loky import cpu_count
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.engine.progress import say
from tasks.errors import ProcessLostError, UsageError
from tasks.processes import in_processes
from tasks.records.spec import SourceSpec, WorkSpec

T = TypeVar("T")
AnyRunner = TaskRunner[PrefectFuture[Any]]

GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of version 2 and 1
PER_TASK, MEMORY_SHARE = 1.0, 0.75  # GB of the largest tasks; see tests/benchmarks/cluster.py
PROCESSES_FROM = 100_000  # glyphs that justify starting a process pool; see tests/benchmarks/runners.py
PER_TILE, PER_IMAGE = 0.5, 1.5e-6  # GB of a process that compares photographs; see tests/benchmarks/photo_scale.py


class Workers(NamedTuple):
    """The resources of a flow's tasks: a runner, and the number of processes for heavy work; 0 for none."""

    runner: AnyRunner
    processes: int = 0


def runner_for(spec: WorkSpec) -> AnyRunner:
    """Return the runner for everything but decoding: threads, or the chosen cluster."""
    if not spec.on_dask:
        return threads(at_once(spec))
    try:
        from flows.engine.cluster import on_cluster  # with Dask, which takes two seconds
    except ImportError as error:
        raise UsageError("for --runner dask, run `pip install 'cleansplit[dask]'`.") from error
    return on_cluster(spec)


def threads(workers: int) -> AnyRunner:
    """Return a runner for work that mostly waits or runs inside numpy."""
    return cast(AnyRunner, ThreadPoolTaskRunner(max_workers=workers))


def for_decoding(glyphs: int, spec: SourceSpec) -> Workers:
    """Return the chosen workers; by default processes for enough work, otherwise threads."""
    return _workers(spec, glyphs >= PROCESSES_FROM or spec.runner == "processes", PER_TASK)


def for_tiles(images: int, spec: WorkSpec) -> Workers:
    """Return the workers for tiles of photographs, given the images of the largest slice.

    Aligning images takes many short steps, and threads wait for the interpreter after each: two are a third faster than
    one, but more are not faster.
    """
    return _workers(spec, True, max(PER_TASK, PER_TILE + PER_IMAGE * images))


def _workers(spec: WorkSpec, processes: bool, gigabytes: float) -> Workers:
    if spec.on_dask:
        return Workers(runner_for(spec))
    count = at_once(spec, gigabytes)
    if not processes or spec.runner == "threads" or (spec.runner == "auto" and count == 1):
        return Workers(threads(count))
    return Workers(threads(count + 1), count)  # one more thread, so that bookkeeping lets no process wait


def retry_serially(do: Callable[[AnyRunner], T], workers: Workers, spec: WorkSpec) -> T:
    """Do work on workers; if they lose processes, do the unfinished part with one task at a time."""
    try:
        with in_processes(workers.processes):
            return do(workers.runner)
    except ProcessLostError as lost:
        if spec.on_dask:  # whose tasks were retried already
            raise
        say(f"{lost} The unfinished work continues in one process.")
        return do(threads(1))


def memory_of_machine() -> float:
    """Return the memory that this process may use, in gigabytes."""
    bytes_there = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        bytes_there.append(limit)
    for name in GROUPS:
        text = Path(name).read_text().strip() if Path(name).exists() else ""
        if text.isdigit():  # "max" means unlimited
            bytes_there.append(int(text))
    return min(bytes_there) / 1e9


def at_once(spec: WorkSpec, per_task: float = PER_TASK) -> int:
    """Return how many tasks of `per_task` gigabytes run in parallel: as requested, or one per core if memory allows."""
    if spec.workers and not spec.memory:
        return spec.workers
    room = int((spec.memory or MEMORY_SHARE * memory_of_machine()) / per_task)
    return max(1, min(spec.workers or cpu_count(), room))
