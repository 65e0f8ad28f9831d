"""The commands of `cleansplit`: their parameters and help come from the specs of the flows.

What a command needs beyond that is imported when it runs, so that help and mistakes are answered at once.
"""

import gc
import inspect
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import PurePath
from types import ModuleType
from typing import Annotated, Any, get_args, get_origin

from cyclopts import App, CycloptsError, Parameter, Token
from pydantic import ValidationError, validate_call
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from rich.console import Console

from flows.command.deciding import apply, review
from flows.command.keeping import clean, compare, export, pull, report, verify
from flows.engine import temporary
from flows.engine.interrupt import stay_until_stopped, stop_at_once
from flows.engine.parameters import takes
from tasks.errors import CleanSplitError, UsageError
from tasks.memory import share_memory
from tasks.records.spec import (
    AuditSpec,
    DedupeSpec,
    EvaluateSpec,
    PrepareSpec,
    ReproduceSpec,
    RunSpec,
    SanitizeSpec,
    Spec,
    SplitSpec,
)
from tasks.records.wording import sentence
from tasks.sources.look import check_source
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


for command in (review, report, compare, verify, export, apply, pull, clean):
    for name, hint in inspect.get_annotations(command).items():
        if said := [part.description for part in get_args(hint) if isinstance(part, FieldInfo)]:
            command.__annotations__[name] = Annotated[hint, Parameter(help=said[0])]
    app.command(validate_call(command))  # what was typed becomes what they take


@app.command
@takes(RunSpec)
def run(spec: RunSpec) -> None:
    """Build splits, measure their overlap, write sanitized splits, and show what the overlap did to accuracy."""
    _flows(spec).show(spec)


@dataclass(frozen=True, kw_only=True)
class Summarized(Spec):
    """Parameters of commands that write a summary."""

    summary: PurePath | None = None


@dataclass(frozen=True, kw_only=True)
class AuditCommand(AuditSpec, Summarized):
    """Parameters of the command `audit`: those of the flow, and where to write what changed."""


@app.command
@takes(AuditCommand)
def audit(spec: AuditCommand) -> None:
    """Measure the overlap between existing splits, and write the splits without it."""
    flows = _flows(spec)
    with flows.summarized(spec.summary, spec.place):
        flows.show(AuditSpec.of(**{field.name: getattr(spec, field.name) for field in fields(AuditSpec)}))


@app.command
@takes(DedupeSpec)
def dedupe(spec: DedupeSpec) -> None:
    """Find the images of one set that show the same, and list which of them to keep and which to remove."""
    _flows(spec).show(spec)


@app.command
@takes(SplitSpec)
def split(spec: SplitSpec) -> None:
    """Draw train, validation and test from one set so that nothing leaks: twins and other groups stay on one side."""
    _flows(spec).show(spec)


@app.command
@takes(SanitizeSpec)
def sanitize(spec: SanitizeSpec) -> None:
    """Measure the overlap in the splits of a run again, and publish a run without it; nothing is trained."""
    _flows(spec).show(spec)


@app.command
@takes(EvaluateSpec)
def evaluate(spec: EvaluateSpec) -> None:
    """Train and compare accuracy on the raw and the sanitized splits of a run, and publish a run that shows it."""
    _flows(spec).show(spec)


@app.command
@takes(PrepareSpec)
def prepare(spec: PrepareSpec) -> None:
    """Fetch and load sources and draw splits in the workspace, where a run with the same parameters reuses them."""
    _flows(spec).show_prepared(spec)


@app.command
@takes(ReproduceSpec)
def reproduce(spec: ReproduceSpec) -> None:
    """Do the notMNIST course's exercise on its archives, and set published figures beside the measured ones."""
    _flows(spec).show_reproduced(spec)


searching: Any
for searching in (run, audit, dedupe, split, sanitize):  # each can refuse the decisions of its workspace
    signature = inspect.signature(searching)
    own = signature.parameters["decisions"]
    own = own.replace(annotation=Annotated[own.annotation, Parameter(negative="--no-decisions")])
    searching.__signature__ = signature.replace(parameters=[*(signature.parameters | {"decisions": own}).values()])


def _flows(spec: Spec) -> ModuleType:
    """Refuse wrong parameters, then import the flows while the server that they need is starting."""
    for role, name in getattr(spec, "sources", {}).items():
        check_source(role, name)
    if isinstance(decisions := getattr(spec, "decisions", None), PurePath):
        from tasks.storage.decisions import read_decisions

        read_decisions(Place.of(decisions))
    share_memory()
    server = temporary.start()
    from flows.command import running

    if server:
        server.serve()
    return running


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
        gc.freeze()  # what is left goes with the process: Python would look for garbage in all of it


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
