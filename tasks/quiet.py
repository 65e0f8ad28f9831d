"""What Prefect logs although it adds nothing: by names of loggers and the start of a message, which may change.

Should they change, the log says more, and nothing else happens.
"""

import logging

from tasks.errors import CleanSplitError

OF_FLOWS, OF_TASKS = ("prefect.flow_runs", "prefect.engine"), "prefect.task_runs"


def be_quiet() -> None:
    """Log no traceback of an expected failure, and not for each task what a limit of time in a thread can't do."""
    for name in OF_FLOWS:
        logging.getLogger(name).addFilter(_is_unexpected)
    logging.getLogger(OF_TASKS).addFilter(lambda entry: not str(entry.msg).startswith("Timeout of"))


def _is_unexpected(entry: logging.LogRecord) -> bool:
    return not (entry.exc_info and isinstance(entry.exc_info[1], CleanSplitError))
