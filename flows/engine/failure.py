"""Let an expected failure end a flow with the sentence that the command prints."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

from prefect.states import Failed

from flows.engine.interrupt import told_when_stopped
from tasks.errors import CleanSplitError

Function = TypeVar("Function", bound=Callable[..., Any])


# Prefect logs the traceback of every exception that leaves a flow, and again when the flow's process ends. That of an
# expected failure adds nothing to the state of the run.
for name in ("prefect.flow_runs", "prefect.engine"):
    logging.getLogger(name).addFilter(
        lambda entry: not (entry.exc_info and isinstance(entry.exc_info[1], CleanSplitError))
    )


def in_one_sentence(function: Function) -> Function:
    """Turn a `CleanSplitError` into a Failed state with its sentence as message; callers still get the error."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            with told_when_stopped():
                return function(*args, **kwargs)
        except CleanSplitError as error:
            return Failed(message=str(error), data=error)

    return cast(Function, wrapper)
