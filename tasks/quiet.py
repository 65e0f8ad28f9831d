"""Suppress useless messages of Prefect, by logger name and start of the message.

If Prefect changes them, they appear in the log again, with no other effect.
"""

import logging

from tasks.errors import CleanSplitError

OF_RUNS = ("prefect.flow_runs", "prefect.engine", "prefect.task_runs")
FAILED = "Finished in state Failed"  # of a flow, which Prefect logs as information
# A thread cannot be interrupted; the state of a reused stage has the same message; a subflow has its own page.
USELESS = ("Timeout of", "Finished in state Reused", "Beginning subflow run")


def be_quiet() -> None:
    """Suppress tracebacks of expected failures and messages that add nothing, and log failures as errors."""
    for name in OF_RUNS:
        logging.getLogger(name).addFilter(_is_useful)


def _is_useful(entry: logging.LogRecord) -> bool:
    if str(entry.msg).startswith(FAILED):
        entry.levelno, entry.levelname = logging.ERROR, logging.getLevelName(logging.ERROR)
    expected = entry.exc_info and isinstance(entry.exc_info[1], CleanSplitError)
    return not expected and not str(entry.msg).startswith(USELESS)
