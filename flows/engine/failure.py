"""Let an expected failure end a flow with the sentence that the command prints."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

from prefect.states import Failed

from flows.engine.interrupt import told_when_stopped
from tasks.errors import CleanSplitError

Function = TypeVar("Function", bound=Callable[..., Any])


def _is_news(entry: logging.LogRecord) -> bool:
    """Say whether an entry of the log tells more than the state that the run has ended in."""
    return not (entry.exc_info and isinstance(entry.exc_info[1], CleanSplitError))


# Prefect logs the traceback of every exception that leaves a flow, and again when the flow's process ends.
for name in ("prefect.flow_runs", "prefect.engine"):
    logging.getLogger(name).addFilter(_is_news)


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
