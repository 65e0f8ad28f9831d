"""Errors that the user can fix, and the exit code of each kind.

Every message is one sentence that names the thing and says what to do.
"""

from typing import Any


class CleanSplitError(Exception):
    """An expected failure: shown as one sentence, without a traceback.

    `heals` says whether the same call may succeed a little later; only then is a task retried.
    """

    exit_code = 1
    heals = False


class UsageError(CleanSplitError):
    """Parameters that are unknown, impossible, or that the data can't satisfy."""

    exit_code = 2


class DataError(CleanSplitError):
    """A source, or a file of a workspace, that can't be used as it is."""

    exit_code = 3


class SourceUnavailableError(DataError):
    """A source that could not be reached now."""

    heals = True


class ProcessLostError(CleanSplitError):
    """A process of the pool was ended from outside; what it did is done again."""


class ServerError(CleanSplitError):
    """A server of Prefect that does not answer, or does not start."""


class LateError(CleanSplitError):
    """A task that took longer than its limit."""


class GateError(CleanSplitError):
    """A limit that the user set was passed; the report has been written, and comes with the error."""

    exit_code = 4

    def __init__(self, sentence: str, report: Any = None) -> None:
        super().__init__(sentence)
        self.report = report


class UndecidedError(GateError):
    """A limit that only rows pass of which nobody can tell whether they are duplicates; the report has been written."""

    exit_code = 5


class StorageError(CleanSplitError):
    """The workspace is full, read-only, out of reach, or not ours to write to."""

    exit_code = 6

    def __init__(self, sentence: str, heals: bool = False) -> None:
        super().__init__(sentence)
        self.heals = heals
