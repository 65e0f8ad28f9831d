"""Choose how tasks run side by side."""

import os
from typing import Any, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

Runner = TaskRunner[PrefectFuture[Any]]

PROCESSES_FROM = 60_000  # images to decode from which a process pool repays its start


def threads(workers: int | None) -> Runner:
    """Return a runner for work that waits or that numpy does."""
    return cast(Runner, ThreadPoolTaskRunner(max_workers=workers or os.cpu_count() or 1))


def for_decoding(images: int, workers: int | None) -> Runner:
    """Return a runner for decoding: processes when there is enough to do, threads otherwise."""
    count = workers or os.cpu_count() or 1
    if images < PROCESSES_FROM or count == 1:
        return threads(workers)
    return cast(Runner, ProcessPoolTaskRunner(max_workers=count))
