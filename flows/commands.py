"""The commands of `cleansplit`: their parameters are those of the flows, and so is their help."""

import functools
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_origin

from cyclopts import App, CycloptsError, Parameter, Token
from prefect.settings import PREFECT_API_URL
from pydantic import PositiveInt, TypeAdapter, ValidationError
from rich.console import Console

from flows import progress
from flows.audit import audit
from flows.interrupt import stay_until_stopped, stop_at_once
from flows.pipeline import cleansplit
from tasks.errors import CleanSplitError, DataError, GateError, UsageError
from tasks.records import Report
from tasks.reporting.summary import print_summary
from tasks.reporting.verify import verify_run
from tasks.sources import discreet
from tasks.spec import DEFAULT_WORKSPACE, sentence
from tasks.workspace import clean as remove_old
from tasks.workspace import find_run


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


@app.command
def verify(run: str = "latest", *, workspace: Path = DEFAULT_WORKSPACE) -> None:
    """Read a run again, whole: every file, every row, every count. What is wrong is listed on standard output.

    Parameters
    ----------
    run
        The run's folder, its id, or latest.
    workspace
        Folder that holds the runs.
    """
    folder = find_run(run, Path(workspace))
    wrong = verify_run(folder)
    for thing in wrong:
        print(thing)
    if wrong:
        things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
        raise DataError(f"{things} wrong with {folder}; the command that made it, started again, rebuilds it.")
    print(f"{folder.name} is whole: every file, row and count is as it was published.", file=sys.stderr)


@app.command
def clean(*, keep: PositiveInt, workspace: Path = DEFAULT_WORKSPACE) -> None:
    """Remove all but the newest runs, and the intermediate results that none of those uses.

    Parameters
    ----------
    keep
        Number of runs to keep; the newest is always among them.
    workspace
        Folder that holds the runs.
    """
    done = remove_old(Path(workspace), TypeAdapter(PositiveInt).validate_python(keep))
    for name in done.runs:
        print(name)
    for name in done.unknown:
        print(f"{name} is no complete run, and was left alone", file=sys.stderr)
    print(
        f"removed {len(done.runs)} runs and {done.stages} intermediate results: {done.bytes / 1e6:,.1f} MB",
        file=sys.stderr,
    )


def _show(flow: Callable[..., Report], *args: Any, **kwargs: Any) -> None:
    """Run a flow with progress, and show its report even when a gate fails it."""
    if PREFECT_API_URL.value() is None:
        print("starting Prefect's temporary server", file=sys.stderr)
    args, kwargs = tuple(map(discreet, args)), {name: discreet(value) for name, value in kwargs.items()}
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
    finally:
        stay_until_stopped()


def _usage(error: CycloptsError) -> str:
    """Return a usage error in the flow's own words, where a value is to blame."""
    if isinstance(error.__cause__, ValidationError) and error.argument:
        return sentence(error.argument.name.lstrip("-").replace("-", "_"), error.__cause__)
    return str(error)


def _stop(reason: str, code: int, errors: Console) -> None:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    errors.print(f"cleansplit: {shown}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
