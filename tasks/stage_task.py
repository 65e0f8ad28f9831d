"""What every Prefect task of cleansplit shares: how it is declared and how it ends."""

import logging
import os  # noqa: TID251  # the environment, no file
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from prefect.tasks import Task, exponential_backoff

from tasks.errors import CleanSplitError
from tasks.storage.stages import Stage

# A task that takes longer fails. It stops at its next step in Python: calls into libraries are not interrupted, which
# Prefect would repeat in the log of every task. Prefect needs the limit where a task is declared, that is, at import.
LIMIT_SECONDS = float(os.environ.get("CLEANSPLIT_TASK_SECONDS", 6 * 3600))
logging.getLogger("prefect.task_runs").addFilter(lambda entry: not str(entry.msg).startswith("Timeout of"))
T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])


def _may_heal(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry transient errors, never bad data."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, CleanSplitError) and error.heals


RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _may_heal,
}


def stage_task(name: str, **options: Any) -> Callable[[Function], Any]:
    """Declare a task whose run name reads like a sentence.

    Prefect's result cache stays off: what was done before is found by `tasks.storage.stages`, by the
    digests of its inputs and the digests of its files.
    """
    more: dict[str, Any] = RETRIES | options
    limit = LIMIT_SECONDS
    return task(task_run_name=name, timeout_seconds=limit, cache_policy=NO_CACHE, persist_result=False, **more)


def finished(record: T, stage: Stage, message: str) -> Any:
    """End a task with its record and one line of what it did; a stage that was found shows as Reused."""
    if stage.reused:
        message = f"{message} (reused)"
    get_run_logger().info(message)
    return Completed(name="Reused" if stage.reused else "Completed", message=message, data=record)
