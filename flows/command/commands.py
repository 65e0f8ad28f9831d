"""The commands of `cleansplit`: their parameters and help come from the specs of the flows.

What a command needs beyond that is imported when it runs, so that help and mistakes are answered at once.
"""

import contextlib
import inspect
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Annotated, Any, get_args, get_origin

from cyclopts import App, CycloptsError, Parameter, Token
from pydantic import ValidationError, validate_call
from pydantic.fields import FieldInfo
from rich.console import Console

from flows.command.deciding import apply, review
from flows.command.keeping import clean, compare, export, pull, report, verify
from flows.engine import temporary
from flows.engine.interrupt import stay_until_stopped, stop_at_once
from flows.engine.parameters import Command, with_parameters_of
from flows.table import COMMANDS
from tasks.errors import CleanSplitError, UsageError
from tasks.memory import share_memory
from tasks.records.spec import Spec
from tasks.records.wording import sentence
from tasks.sources.layout import check_source
from tasks.storage.place import Place


def _as_typed(hint: Any, tokens: Sequence[Token]) -> Any:
    """Take a value as it was typed: the flow's own types judge it, in the command as in Python."""
    if isinstance(tokens[0].implicit_value, bool):
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


for direct in (review, report, compare, verify, export, apply, pull, clean):  # without a flow and a server
    for name, hint in inspect.get_annotations(direct).items():
        if said := [part.description for part in get_args(hint) if isinstance(part, FieldInfo)]:
            direct.__annotations__[name] = Annotated[hint, Parameter(help=said[0])]
    app.command(validate_call(direct))  # what was typed becomes what they take


def _run(command: Command[Any], spec: Spec) -> None:
    """Refuse wrong parameters, then import the flow while the server that it needs is starting."""
    for role, name in getattr(spec, "sources", {}).items():
        check_source(role, name)
    if isinstance(decisions := getattr(spec, "decisions", None), PurePath):
        from tasks.storage.decisions import read_decisions

        read_decisions(Place.of(decisions))
    share_memory()
    server = temporary.start()
    from flows.command.running import show

    with server.serving() if server else contextlib.nullcontext():
        show(command, spec)


def _add(command: Command[Any]) -> None:
    """Add the command of a flow; it can refuse the decisions of its workspace where it takes any."""

    @with_parameters_of(command)
    def body(spec: Spec) -> None:
        _run(command, spec)

    signature = inspect.signature(body)
    typed = dict(signature.parameters)
    if own := typed.get("decisions"):
        typed["decisions"] = own.replace(annotation=Annotated[own.annotation, Parameter(negative="--no-decisions")])
    body.__signature__ = signature.replace(parameters=list(typed.values()))  # type: ignore[attr-defined]
    app.command(body, name=command.name)


for row in COMMANDS:
    if row.name not in app:
        _add(row)


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
    except BrokenPipeError:  # who reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception:
        with tempfile.NamedTemporaryFile("w", prefix="cleansplit-", suffix=".log", delete=False) as file:
            file.write(traceback.format_exc())
        _stop(f"a bug in cleansplit stopped the run; please report the contents of {file.name}.", 1, errors)
    finally:
        stay_until_stopped()


def _usage(error: CycloptsError) -> str:
    """Return a usage error in the flow's own words, where a value is to blame."""
    if isinstance(error.__cause__, ValidationError) and error.argument:
        return sentence(
            error.argument.name.lstrip("-").replace("-", "_"), error.argument.field_info.hint, error.__cause__
        )
    return str(error)


def _stop(reason: str, code: int, errors: Console) -> None:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    errors.print(f"cleansplit: {shown}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
