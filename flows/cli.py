"""The `cleansplit` command. The last line on standard output is the run directory; all else goes to standard error."""

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import Any

# The console shows progress and one summary; Prefect keeps its own logs for its UI. Read when Prefect is imported.
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

from cyclopts import App, CycloptsError, Parameter
from pydantic import ValidationError
from rich.console import Console

from flows import progress
from flows.audit import audit
from flows.pipeline import cleansplit
from tasks.errors import CleanSplitError, GateError, UsageError
from tasks.records import Report
from tasks.reporting.summary import print_summary

INTERRUPTED = 130

app = App(
    name="cleansplit",
    help="Build train, validation and test sets, measure their overlap, and write them without it.",
    version_flags=["--version"],
    default_parameter=Parameter(consume_multiple=True, negative=()),
    result_action="return_value",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with the code that fits what happened."""
    errors = Console(stderr=True)
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _stop(_usage(error), UsageError.exit_code, errors)
    except CleanSplitError as error:
        _stop(str(error), error.exit_code, errors)
    except KeyboardInterrupt:
        _stop("interrupted; the same command continues where it stopped.", INTERRUPTED, errors)
    except Exception:
        with tempfile.NamedTemporaryFile("w", prefix="cleansplit-", suffix=".log", delete=False) as file:
            file.write(traceback.format_exc())
        _stop(f"a defect of cleansplit stopped the run; please report what is in {file.name}.", 1, errors)


@app.command(name="run")
@functools.wraps(cleansplit.fn)
def run(*args: Any, **kwargs: Any) -> None:  # the parameters are those of the flow
    _show(cleansplit, *args, **kwargs)


@app.command(name="audit")
@functools.wraps(audit.fn)
def check(*args: Any, **kwargs: Any) -> None:
    _show(audit, *args, **kwargs)


def _show(flow: Callable[..., Report], *args: Any, **kwargs: Any) -> None:
    """Run a flow with progress, and show its report even when a gate fails it."""
    try:
        with progress.visible():
            _print(flow(*args, **kwargs))
    except GateError as error:
        _print(error.report)
        raise


def _print(report: Report) -> None:
    print_summary(report, Console(stderr=True))
    print(report.run)


def _usage(error: CycloptsError) -> str:
    """Return a usage error as the flow itself would word it."""
    if isinstance(error.__cause__, ValidationError) and error.argument:
        return f"{error.argument.name.lstrip('-')}: {error.__cause__.errors()[0]['msg']}"
    return str(error)


def _stop(sentence: str, code: int, errors: Console) -> None:
    errors.print(f"cleansplit: {sentence}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
