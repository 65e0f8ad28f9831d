"""The commands of `cleansplit`: their parameters are those of the flows, and so is their help."""

import functools
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, get_origin

from cyclopts import App, CycloptsError, Parameter, Token
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError
from rich.console import Console

from flows import progress
from flows.audit import audit
from flows.interrupt import stop_at_once
from flows.pipeline import cleansplit
from tasks.errors import CleanSplitError, GateError, UsageError
from tasks.records import Report
from tasks.reporting.summary import print_summary
from tasks.spec import sentence


def _as_typed(hint: Any, tokens: Sequence[Token]) -> Any:
    """Take a value as it was typed: the flow's own types judge it, in the command as in Python."""
    if hint is bool:
        return tokens[0].implicit_value
    values = tuple(token.value for token in tokens)
    return values if get_origin(hint) is tuple else values[0]


app = App(
    name="cleansplit",
    help="Build train, validation and test sets, measure their overlap, and write them without it.",
    version=version("cleansplit"),
    version_flags=["--version"],
    default_parameter=Parameter(converter=_as_typed, consume_multiple=True, negative=()),
    result_action="return_value",
)


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
    if PREFECT_API_URL.value() is None:
        print("starting Prefect's temporary server", file=sys.stderr)
    try:
        with progress.visible():
            _print(flow(*args, **kwargs))
    except GateError as error:
        _print(error.report)
        raise


def _print(report: Report) -> None:
    print_summary(report, Console(stderr=True))
    print(report.run)


def execute(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with the code that fits what happened."""
    errors = Console(stderr=True)
    stop_at_once()
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _stop(_usage(error), UsageError.exit_code, errors)
    except CleanSplitError as error:
        _stop(str(error), error.exit_code, errors)
    except Exception:
        with tempfile.NamedTemporaryFile("w", prefix="cleansplit-", suffix=".log", delete=False) as file:
            file.write(traceback.format_exc())
        _stop(f"a defect of cleansplit stopped the run; please report what is in {file.name}.", 1, errors)


def _usage(error: CycloptsError) -> str:
    """Return a usage error in the flow's own words, where a value is to blame."""
    if isinstance(error.__cause__, ValidationError) and error.argument:
        return sentence(error.argument.name.lstrip("-").replace("-", "_"), error.__cause__)
    return str(error)


def _stop(reason: str, code: int, errors: Console) -> None:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    errors.print(f"cleansplit: {shown}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
