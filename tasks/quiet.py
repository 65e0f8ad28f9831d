"""Suppress useless messages of Prefect, by logger name and start of the message.

If Prefect changes them, they appear in the log again, with no other effect.
"""

import logging

from tasks.errors import CleanSplitError

OF_FLOWS, OF_TASKS = ("prefect.flow_runs", "prefect.engine"), "prefect.task_runs"


def be_quiet() -> None:
    """Suppress tracebacks of expected failures, and the warning of each task that a thread cannot be interrupted."""
    for name in OF_FLOWS:
        logging.getLogger(name).addFilter(_is_unexpected)
    logging.getLogger(OF_TASKS).addFilter(lambda entry: not str(entry.msg).startswith("Timeout of"))


def _is_unexpected(entry: logging.LogRecord) -> bool:
    return not (entry.exc_info and isinstance(entry.exc_info[1], CleanSplitError))
