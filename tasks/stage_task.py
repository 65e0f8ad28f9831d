"""What every Prefect task of cleansplit shares: how it is declared and how it ends."""

import functools
import logging
import os  # noqa: TID251  # the environment, no file
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import task
from prefect.assets import materialize
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed, Failed
from prefect.tasks import Task, exponential_backoff

from tasks.errors import CleanSplitError
from tasks.storage.stages import Stage

# A task that takes longer fails. It stops at its next step in Python: calls into libraries are not interrupted, which
# Prefect would repeat in the log of every task. Prefect needs the limit where a task is declared, that is, at import.
LIMIT_SECONDS = float(os.environ.get("CLEANSPLIT_TASK_SECONDS", 6 * 3600))
logging.getLogger("prefect.task_runs").addFilter(lambda entry: not str(entry.msg).startswith("Timeout of"))
UNNAMED = "cleansplit://run"
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


def stage_task(name: str, assets: bool = False, **options: Any) -> Callable[[Function], Any]:
    """Declare a task whose run name reads like a sentence.

    With `assets`, what the task makes may be named by `with_options(assets=...)`, for Prefect's lineage.
    Prefect's result cache stays off: what was done before is found by `tasks.storage.stages`, by the
    digests of its inputs and the digests of its files. An expected failure ends it in a state with one sentence, which
    Prefect logs; whoever asks for the result gets the error.
    """
    how: dict[str, Any] = {
        "task_run_name": name,
        "timeout_seconds": LIMIT_SECONDS,
        "cache_policy": NO_CACHE,
        "persist_result": False,
        **RETRIES,
        **options,
    }
    declared = materialize(UNNAMED, by="cleansplit", **how) if assets else task(**how)

    def declare(function: Function) -> Any:
        @functools.wraps(function)
        def in_one_sentence(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except CleanSplitError as error:
                return Failed(message=str(error), data=error)

        return declared(in_one_sentence)

    return declare


def done(record: T, message: str, name: str = "Completed") -> Any:
    """End a task with its record and one line of what it did, which Prefect logs and shows with the state."""
    return Completed(name=name, message=message, data=record)


def finished(record: T, stage: Stage, message: str) -> Any:
    """End a task that wrote or found a stage; one that was found shows as Reused."""
    return done(record, f"{message} (reused)", "Reused") if stage.reused else done(record, message)
