"""What every Prefect task of cleansplit shares: how it is declared and how it ends."""

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from tasks.store import Stage

# A task that takes longer has failed. It stops at its next step in Python: a call into a library is not broken off,
# which Prefect would say again in the log of every task.
LIMIT_SECONDS = float(os.environ.get("CLEANSPLIT_TASK_SECONDS", 6 * 3600))
logging.getLogger("prefect.task_runs").addFilter(lambda entry: not str(entry.msg).startswith("Timeout of"))
T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])


def stage_task(name: str, **options: Any) -> Callable[[Function], Any]:
    """Declare a task whose run name reads like a sentence.

    Prefect's result cache stays off: what was done before is found by `tasks.store`, by the
    digests of its inputs and the digests of its files.
    """
    limit = LIMIT_SECONDS
    return task(task_run_name=name, timeout_seconds=limit, cache_policy=NO_CACHE, persist_result=False, **options)


def finished(record: T, stage: Stage, message: str) -> Any:
    """End a task with its record and one line of what it did; a stage that was found shows as Reused."""
    if stage.reused:
        message = f"{message} (reused)"
    get_run_logger().info(message)
    return Completed(name="Reused" if stage.reused else "Completed", message=message, data=record)
