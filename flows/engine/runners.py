"""Choose how tasks run side by side."""

import atexit
import contextlib
import ctypes
import os
import threading
import time
from typing import Any, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from flows.engine.machine import memory_of_machine
from tasks.records.spec import SourceSpec, WorkSpec
from tasks.threads import compute_alone
from tasks.views import VIEWS
from tasks.vocabulary import ViewName

AnyRunner = TaskRunner[PrefectFuture[Any]]

PROCESSES_FROM = 400_000  # glyphs from which starting a process pool pays off; see tests/benchmarks/runners.py
PER_TASK, MEMORY_SHARE = 1.0, 0.75  # GB that the largest tasks take; see tests/benchmarks/cluster.py
PER_TILE, PER_IMAGE = 0.5, 1.5e-6  # GB of a process that compares photographs; see tests/benchmarks/photo_scale.py
SECONDS_BETWEEN_LOOKS = 0.5
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT, LARGEST = 128 << 20, 32 << 20  # bytes


def side_by_side(spec: WorkSpec) -> AnyRunner:
    """Return the runner for all but decoding: threads, or the cluster that was asked for."""
    if not spec.on_dask:
        return threads(at_once(spec))
    from flows.engine.cluster import on_cluster  # which takes two seconds to import

    return on_cluster(spec)


def at_once(spec: WorkSpec, per_task: float = PER_TASK) -> int:
    """Return how many tasks run at the same time: what was asked for, or one per core if memory has room for them.

    `per_task` are the gigabytes that each takes.
    """
    if spec.workers and not spec.memory:
        return spec.workers
    room = int((spec.memory or MEMORY_SHARE * memory_of_machine()) / per_task)
    return max(1, min(spec.workers or os.cpu_count() or 1, room))


def memory_of_task(spec: WorkSpec) -> float:
    """Return the gigabytes that a task may take which runs alone: those of this machine, or of a worker."""
    if not spec.on_dask:
        return memory_of_machine()
    from flows.engine.cluster import memory_of_worker

    return memory_of_worker(spec)


def threads(workers: int) -> AnyRunner:
    """Return a runner for work that mostly waits or runs inside numpy."""
    return cast(AnyRunner, ThreadPoolTaskRunner(max_workers=workers))


def let_go(future: PrefectFuture[Any]) -> None:
    """Take the state of a task that has ended from its cluster, which does the task again when it loses the state."""
    if release := getattr(getattr(future, "wrapped_future", None), "release", None):
        future.wait()
        release()


def for_decoding(work: int, spec: SourceSpec) -> AnyRunner:
    """Return the runner that was asked for; by default processes when there is enough to do, threads otherwise.

    Parameters
    ----------
    work : int
        What is to be decoded, in glyphs.
    spec : SourceSpec
    """
    count = at_once(spec)
    if spec.on_dask:
        return side_by_side(spec)
    if spec.runner == "threads" or (spec.runner == "auto" and (work < PROCESSES_FROM or count == 1)):
        return threads(count)
    return processes(count)


def for_tiles(images: int, view: ViewName, spec: WorkSpec) -> AnyRunner:
    """Return the runner for tiles: processes for photographs, unless other ones were asked for.

    Laying pictures over each other takes many short steps, after each of which threads wait for the interpreter: two
    are a third faster than one, and more are not.

    Parameters
    ----------
    images : int
        Of the largest slice.
    view : str
    spec : WorkSpec
    """
    if spec.on_dask or not VIEWS[view].on_pixels:
        return side_by_side(spec)
    count = at_once(spec, max(PER_TASK, PER_TILE + PER_IMAGE * images))
    return threads(count) if spec.runner == "threads" or count == 1 else processes(count)


def processes(count: int) -> AnyRunner:
    """Return a runner for work that mostly needs the interpreter."""
    pool = ProcessPoolTaskRunner(max_workers=count, initializer=start_in_pool, initargs=(os.getpid(),))
    return cast(AnyRunner, pool)


def start_in_pool(parent: int) -> None:
    """Let this process of a pool compute in one thread a task, and end when the process that started it is gone.

    By itself it would wait forever.
    """
    keep_memory()
    compute_alone()
    atexit.register(os._exit, 0)  # last of what ends it: taking apart all modules takes half a second

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def keep_memory() -> None:
    """Let glibc keep the memory of one picture for the next: giving it back and taking it again costs a tenth."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
