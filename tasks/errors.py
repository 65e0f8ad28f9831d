"""Errors that the user can fix, with the exit code of each kind.

Every message is one sentence that names the problem and the remedy.
"""

import os  # noqa: TID251  # the environment, no file
from typing import Any


class CleanSplitError(Exception):
    """An expected failure: shown as one sentence, without a traceback.

    `heals` tells whether a retry may succeed; only then does Prefect retry the task.
    """

    exit_code = 1
    heals = False


class UsageError(CleanSplitError):
    """Parameters that are unknown or impossible, or that do not fit the data."""

    exit_code = 2


class DataError(CleanSplitError):
    """A source, or a file of a workspace, that cannot be used."""

    exit_code = 3


class SourceUnavailableError(DataError):
    """A source that cannot be reached at the moment."""

    heals = True


class ProcessLostError(CleanSplitError):
    """A worker process was killed; its work is repeated."""


class ServerError(CleanSplitError):
    """A Prefect server that does not answer or start."""


class StoppedError(CleanSplitError):
    """A run that somebody cancelled on Prefect's server."""


class GateError(CleanSplitError):
    """A limit of the user was exceeded; the error carries the report, or the folder of a batch, that was written."""

    exit_code = 4

    def __init__(self, sentence: str, report: Any = None) -> None:
        super().__init__(sentence)
        self.report = report


class UndecidedError(GateError):
    """A limit is exceeded only if undecided rows are counted; the report has been written."""

    exit_code = 5


class StorageError(CleanSplitError):
    """The workspace is full, read-only, unreachable, or not writable for us."""

    exit_code = 6

    def __init__(self, sentence: str, heals: bool = False) -> None:
        super().__init__(sentence)
        self.heals = heals


def number_set(variable: str, usual: float) -> float:
    """Return the number in an environment variable, or the usual one without it; raises `UsageError` for other text."""
    try:
        return float(os.environ.get(variable) or usual)
    except ValueError as error:
        raise UsageError(f"{variable} must be a number, not {os.environ[variable]}; change or unset it.") from error
