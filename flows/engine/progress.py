"""Wait for tasks, show their progress, and time the stages."""

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from prefect import get_run_logger
from prefect.futures import PrefectFuture, as_completed
from prefect.task_engine import TaskRunTimeoutError
from tqdm import tqdm

from flows.engine.interrupt import cancelled, stopping
from tasks.errors import CleanSplitError, StoppedError
from tasks.stage_task import LIMIT_SECONDS
from tasks.storage.started import steps_done

T = TypeVar("T")

SECONDS_BETWEEN_LOOKS = 0.5
IN_FLIGHT = 100  # unfinished tasks in Prefect at a time; its server is slow with thousands
TASKS = "tasks"  # the unit where no steps are counted
_visible: ContextVar[bool] = ContextVar("progress is visible", default=False)
_seconds: ContextVar[dict[str, float] | None] = ContextVar("seconds per stage", default=None)


def visible() -> AbstractContextManager[bool]:
    """Show progress on standard error during the block; without it, only Prefect's logs show it."""
    return _set(_visible, True)


def timed() -> AbstractContextManager[dict[str, float]]:
    """Collect the seconds of the stages in the block."""
    return _set(_seconds, dict[str, float]())


@contextmanager
def _set(variable: ContextVar[Any], value: T) -> Iterator[T]:
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


def say(*sentences: str) -> None:
    """Print unrequested but useful sentences for the user."""
    for sentence in sentences:
        if _visible.get() and not stopping.is_set():
            print(sentence, file=sys.stderr)
        get_run_logger().info(sentence)


def collect(
    stage: str, submitted: Iterable[PrefectFuture[Any]], work: Sequence[int] = (), unit: str = TASKS
) -> list[Any]:
    """Return the results of submitted tasks in their order.

    Every future is awaited, so no failure is lost; the first one is raised. After a cancellation, the end of the next
    task raises `StoppedError`. `stage` is the name of their work, and `work` the amount of each task in a unit that the
    user knows. If `submitted` creates tasks lazily, at most `IN_FLIGHT` of them run or wait at a time.
    """
    futures: list[PrefectFuture[Any]] = []
    amounts = list(work) or [1] * len(cast(Sized, submitted))
    start, show = time.monotonic(), _visible.get()
    with _bar(stage, sum(amounts), unit, show and sys.stderr.isatty()) as counts:
        for number in _ended(submitted, futures):
            counts[futures[number].state.name == "Reused"] += amounts[number]
            if (stopped := cancelled.get()) and stopped.is_set():
                raise StoppedError("the run was cancelled on Prefect's server; call it again to resume.")
    try:
        results = [future.result() for future in futures]
    except TaskRunTimeoutError as error:
        raise CleanSplitError(
            f"{stage}: a task took longer than {LIMIT_SECONDS:g} seconds, the limit that CLEANSPLIT_TASK_SECONDS sets; "
            "set it higher and run the same command again to resume."
        ) from error
    seconds = time.monotonic() - start
    if (record := _seconds.get()) is not None:
        record[stage] = round(record.get(stage, 0) + seconds, 3)
    if show and futures and not stopping.is_set():  # the last sentence is that of the interruption
        reused = sum(future.state.name == "Reused" for future in futures)
        tasks, note = "task" if len(futures) == 1 else TASKS, f", {reused} reused" if reused else ""
        print(f"{stage:<20} {len(futures):>3} {tasks}{note}, {seconds:.1f} s", file=sys.stderr)
    return results


@contextmanager
def _bar(stage: str, total: int, unit: str, visible: bool) -> Iterator[dict[bool, int]]:
    """Show a bar of finished tasks, and of the steps that running ones count; yield the sums of new and reused ones."""
    before, counts, closing = steps_done(), {False: 0, True: 0}, threading.Event()

    def follow() -> None:
        while not closing.wait(SECONDS_BETWEEN_LOOKS):
            bar.initial = counts[True]  # they took no time
            running = steps_done() - before if unit != TASKS else 0
            bar.n = min(total, counts[True] + max(counts[False], running))
            bar.refresh()

    how: dict[str, Any] = {"unit": f" {unit}", "smoothing": 0, "leave": False, "disable": not visible}
    with tqdm(total=total, desc=f"{stage:<20}", **how) as bar:
        thread = threading.Thread(target=follow, daemon=True)
        if visible:
            thread.start()
        try:
            yield counts
        finally:
            closing.set()
            if visible:
                thread.join()


def _ended(submitted: Iterable[PrefectFuture[Any]], futures: list[PrefectFuture[Any]]) -> Iterator[int]:
    """Yield the number of each finished future, and append all of them to `futures` as they are submitted."""
    for future in submitted:
        futures.append(future)
        if len(futures) > IN_FLIGHT:
            _let_go(futures[-IN_FLIGHT - 1])
            yield len(futures) - IN_FLIGHT - 1
    numbers = {future.task_run_id: number for number, future in enumerate(futures)}
    for future in as_completed(futures[-IN_FLIGHT:]):
        _let_go(future)
        yield numbers[future.task_run_id]


def _let_go(future: PrefectFuture[Any]) -> None:
    """Wait for a task and keep its state: else Prefect's server is asked for it, and a cluster repeats what it lost."""
    future.wait()
    if release := getattr(getattr(future, "wrapped_future", None), "release", None):
        release()
