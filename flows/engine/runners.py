"""Choose how tasks run side by side."""

from typing import Any, NamedTuple, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.engine.machine import PER_TASK, at_once, memory_of_machine
from tasks.records.spec import SourceSpec, WorkSpec
from tasks.registration.views import VIEWS
from tasks.vocabulary import ViewName

AnyRunner = TaskRunner[PrefectFuture[Any]]

PROCESSES_FROM = 100_000  # glyphs from which starting a process pool pays off; see tests/benchmarks/runners.py
PACKED_GLYPH = 480  # bytes of notMNIST's archives for each
PER_TILE, PER_IMAGE = 0.5, 1.5e-6  # GB of a process that compares photographs; see tests/benchmarks/photo_scale.py


class Workers(NamedTuple):
    """What the tasks of a flow run on: a runner, and how many processes do their heavy work; 0 for none."""

    runner: AnyRunner
    processes: int = 0


def side_by_side(spec: WorkSpec) -> AnyRunner:
    """Return the runner for all but decoding: threads, or the cluster that was asked for."""
    if not spec.on_dask:
        return threads(at_once(spec))
    from flows.engine.cluster import on_cluster  # which takes two seconds to import

    return on_cluster(spec)


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


def for_decoding(work: int, spec: SourceSpec) -> Workers:
    """Return the workers that were asked for; by default processes when there is enough to do, threads otherwise.

    Parameters
    ----------
    work : int
        What is to be decoded, in glyphs.
    spec : SourceSpec
    """
    count = at_once(spec)
    if spec.on_dask:
        return Workers(side_by_side(spec))
    if spec.runner == "threads" or (spec.runner == "auto" and (work < PROCESSES_FROM or count == 1)):
        return Workers(threads(count))
    return with_processes(count)


def for_tiles(images: int, view: ViewName, spec: WorkSpec) -> Workers:
    """Return the workers for tiles: processes for photographs, unless other ones were asked for.

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
        return Workers(side_by_side(spec))
    count = at_once(spec, max(PER_TASK, PER_TILE + PER_IMAGE * images))
    return Workers(threads(count)) if spec.runner == "threads" or count == 1 else with_processes(count)


def with_processes(count: int) -> Workers:
    """Return workers for work that mostly needs the interpreter.

    There is a thread more than processes: while one keeps the books of a task, no process waits.
    """
    return Workers(threads(count + 1), count)
