"""Let an expected failure end a flow with the sentence that the command prints."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from prefect.states import Failed

from flows.engine.interrupt import told_when_stopped
from tasks.errors import CleanSplitError

Function = TypeVar("Function", bound=Callable[..., Any])


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
