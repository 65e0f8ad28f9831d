"""Declare and finish the Prefect tasks of cleansplit, and suppress useless messages of Prefect.

Messages have the name of a logger and a start. If Prefect changes them, they appear in the log again, with no other
effect.
"""

import functools
import logging
import os  # noqa: TID251  # the environment, no file
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import task
from prefect.assets import materialize
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Cancelled, Completed, Failed
from prefect.tasks import Task, exponential_backoff

from tasks.errors import CleanSplitError, StoppedError, UsageError, number_set

# A task that exceeds the limit fails at its next step in Python; calls into libraries are not interrupted. Prefect
# needs the limit at declaration, that is, at import.
LIMIT_SECONDS = number_set("CLEANSPLIT_TASK_SECONDS", 6 * 3600)
STORE_BLOCK = "CLEANSPLIT_STORE_BLOCK"  # variable that names a Secret block with settings of object stores
FAILED = "Finished in state Failed"  # of a flow, which Prefect logs as information
# A thread cannot be interrupted; the state of a reused stage has the same message; a subflow has its own page.
USELESS = ("Timeout of", "Finished in state Reused", "Beginning subflow run")
P = ParamSpec("P")
T = TypeVar("T")


def _is_useful(entry: logging.LogRecord) -> bool:
    """Drop tracebacks of expected failures and messages that add nothing, and log failures as errors."""
    if str(entry.msg).startswith(FAILED):
        entry.levelno, entry.levelname = logging.ERROR, logging.getLevelName(logging.ERROR)
    expected = entry.exc_info and isinstance(entry.exc_info[1], CleanSplitError)
    return not expected and not str(entry.msg).startswith(USELESS)


for name in ("prefect.flow_runs", "prefect.engine", "prefect.task_runs"):
    logging.getLogger(name).addFilter(_is_useful)


def _may_heal(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Retry transient errors, never bad data."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, CleanSplitError) and error.heals


def stage_task(name: str, assets: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Declare a task with a readable run name.

    With `assets`, `with_options(assets=...)` may name its outputs, for Prefect's lineage. Prefect's result cache stays
    off: `tasks.storage.stages` finds earlier results by the digests of their inputs and files.
    """
    how: dict[str, Any] = {
        "task_run_name": name,
        "timeout_seconds": LIMIT_SECONDS,
        "cache_policy": NO_CACHE,
        "persist_result": False,
        "retries": 2,
        "retry_delay_seconds": exponential_backoff(backoff_factor=1),
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": _may_heal,
        **options,
    }
    declared = materialize("cleansplit://run", by="cleansplit", **how) if assets else task(**how)
    return lambda function: declared(in_one_sentence(function))


def in_one_sentence(function: Callable[P, Any]) -> Callable[P, Any]:
    """Turn a `CleanSplitError` into a final state with its sentence as message; callers still get the error."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            take_credentials()
            return function(*args, **kwargs)
        except CleanSplitError as error:
            last = Cancelled if isinstance(error, StoppedError) else Failed
            return last(message=str(error), data=error)

    return wrapper


@functools.cache
def take_credentials() -> None:
    """Copy the settings of object stores from a named block of Prefect's server into the environment, if one is named.

    Raises `UsageError` when the block does not exist, or holds anything but environment variables.
    """
    if not (name := os.environ.get(STORE_BLOCK)):
        return
    held = secret(name, STORE_BLOCK)
    if not isinstance(held, dict) or not all(str(key).startswith("AWS_") for key in held):
        raise UsageError(f'{STORE_BLOCK}: the block {name} must hold JSON such as {{"AWS_ACCESS_KEY_ID": "..."}}.')
    os.environ.update({key: str(value) for key, value in held.items()})


def secret(name: str, wanted_by: str) -> Any:
    """Return the content of a Secret block of Prefect's server; raises `UsageError` if the block is missing."""
    try:
        return cast(Any, Secret.load(name)).get()
    except ValueError as error:
        raise UsageError(f"{wanted_by}: the server has no Secret block {name}; create it in its UI.") from error


def done(record: T, message: str, name: str = "Completed") -> Any:
    """End a task with its record and a one-line summary, which Prefect logs and shows with the state."""
    return Completed(name=name, message=message, data=record)


def finished(record: T, reused: bool, message: str) -> Any:
    """End a task that wrote or reused a stage; a reused one shows as Reused."""
    return done(record, f"{message} (reused)", "Reused") if reused else done(record, message)
