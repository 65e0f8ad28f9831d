"""The commands of `cleansplit`: they take their parameters and their help from the flows."""

import contextlib
import functools
import inspect
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, get_origin

from cyclopts import App, CycloptsError, Parameter, Token
from httpx import TransportError
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError, validate_call
from rich.console import Console

from flows.audit import audit
from flows.command.keeping import clean, compare, export, report, verify
from flows.engine import progress
from flows.engine.interrupt import stay_until_stopped, stop_at_once
from flows.engine.parameters import takes
from flows.pipeline import cleansplit
from flows.steps import evaluate, prepare, sanitize
from tasks.errors import CleanSplitError, GateError, UsageError
from tasks.presenting.terminal import print_summary
from tasks.records import Report
from tasks.records.spec import ReproduceSpec, SourceSpec, sentence
from tasks.reproducing.notmnist import figures
from tasks.reproducing.published import check
from tasks.reproducing.terminal import print_checked
from tasks.sources.look import check_source
from tasks.vocabulary.addresses import discreet


def _as_typed(hint: Any, tokens: Sequence[Token]) -> Any:
    """Take a value as it was typed: the flow's own types judge it, in the command as in Python."""
    if hint is bool:
        return tokens[0].implicit_value
    values = tuple(token.value for token in tokens)
    return values if get_origin(hint) is tuple else values[0]


COURSE: dict[str, Any] = {
    "recipe": "course",
    "models": ("softmax",),
    "sizes": (50, 100, 1000, 5000, 200_000),
    "max_quarantine": 1.0,  # unreadable members are among the figures; no limit stops the comparison
}

app = App(
    name="cleansplit",
    help="Build train, validation and test sets, measure their overlap, and write them without it.",
    version=version("cleansplit"),
    version_flags=["--version"],
    default_parameter=Parameter(converter=_as_typed, consume_multiple=True, negative=()),
    result_action="return_value",
)


for command in (report, compare, verify, export, clean):
    app.command(validate_call(command))  # what was typed becomes what they take


def _as_command(flow: Any) -> Callable[..., None]:
    """Return a command with the parameters of a flow, which shows its report."""

    @functools.wraps(flow.fn)
    def command(*args: Any, **kwargs: Any) -> None:
        _look(flow, *args, **kwargs)
        _show(flow, *args, **kwargs)

    return command


def _look(flow: Any, *args: Any, **kwargs: Any) -> None:
    """Refuse what can be seen to be wrong before any server starts."""
    spec = flow.fn.spec.of(**inspect.signature(flow.fn).bind(*args, **kwargs).arguments)
    if isinstance(spec, SourceSpec):
        for role, name in spec.sources.items():
            check_source(role, name)


for name, flow in {"run": cleansplit, "audit": audit, "sanitize": sanitize, "evaluate": evaluate}.items():
    app.command(_as_command(flow), name=name)


@app.command(name="prepare")
@functools.wraps(prepare.fn)
def prepare_splits(*args: Any, **kwargs: Any) -> None:
    _look(prepare, *args, **kwargs)
    with _progress():
        print(prepare(*map(discreet, args), **_hidden(kwargs)))


@app.command
@takes(ReproduceSpec)
def reproduce(spec: ReproduceSpec) -> None:
    """Do the notMNIST course's exercise on its archives, and set published figures beside the measured ones."""
    sources = {"large": spec.large, "small": spec.small} if spec.large or spec.small else {"dataset": "notmnist"}
    with _progress():
        found = cleansplit(
            **_hidden(sources), workspace=spec.workspace, workers=spec.workers, runner=spec.runner, **COURSE
        )
    print_checked(checked := check(found, figures()), Console(stderr=True))
    print(found.run)
    if different := [figure.name for figure in checked if figure.verdict == "different"]:
        raise GateError(f"{len(different)} of {len(checked)} published figures differ: {', '.join(different)}.")


def _show(flow: Callable[..., Report], *args: Any, **kwargs: Any) -> None:
    """Run a flow with progress, and show its report even when a gate fails it."""
    try:
        with _progress():
            _print(flow(*map(discreet, args), **_hidden(kwargs)))
    except GateError as error:
        _print(error.report)
        raise


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    if PREFECT_API_URL.value() is None:
        print("starting Prefect's temporary server", file=sys.stderr)
    with progress.visible():
        yield


def _hidden(parameters: dict[str, Any]) -> dict[str, Any]:
    """Keep any secrets in URLs out of the parameters that Prefect stores."""
    return {name: discreet(value) for name, value in parameters.items()}


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
    except Exception as error:
        if server := _server_that_is_gone(error):
            _stop(f"Prefect's server at {server} does not answer; start it and run the same command again.", 1, errors)
        with tempfile.NamedTemporaryFile("w", prefix="cleansplit-", suffix=".log", delete=False) as file:
            file.write(traceback.format_exc())
        _stop(f"a bug in cleansplit stopped the run; please report the contents of {file.name}.", 1, errors)
    finally:
        stay_until_stopped()


def _server_that_is_gone(error: Exception) -> str | None:
    """Return the address of Prefect's server if the error is that it can't be reached."""
    unreachable = isinstance(error, TransportError) or "Failed to reach API" in str(error)
    return PREFECT_API_URL.value() if unreachable else None


def _usage(error: CycloptsError) -> str:
    """Return a usage error in the flow's own words, where a value is to blame."""
    if isinstance(error.__cause__, ValidationError) and error.argument:
        return sentence(error.argument.name.lstrip("-").replace("-", "_"), error.__cause__)
    return str(error)


def _stop(reason: str, code: int, errors: Console) -> None:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    errors.print(f"cleansplit: {shown}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
