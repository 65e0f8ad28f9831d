"""The commands of `cleansplit`: their parameters and help come from the specs of the flows.

Everything else that a command needs is imported when it runs, so that help and mistakes are answered at once.
"""

import contextlib
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, cast, get_origin

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, Token, UnusedCliTokensError
from pydantic import ValidationError, validate_call
from rich.console import Console
from rich.theme import Theme

from flows.command.deciding import apply, review
from flows.command.doctor import doctor
from flows.command.keeping import clean, compare, drop, export, list_segments, pull, report, verify, verify_reference
from flows.command.options import VERBOSE, options_of, with_help
from flows.engine import temporary
from flows.engine.importing import without_garbage
from flows.engine.interrupt import stay_until_stopped, stop_at_once
from flows.engine.parameters import Command
from flows.table import ARRIVALS, COMMANDS
from tasks.addresses import printable
from tasks.errors import CleanSplitError, UsageError
from tasks.records.parameters import ReferenceName
from tasks.records.spec_base import Spec, sentence
from tasks.records.spec_searching import ArrivalsSpec
from tasks.sources.layout import check_source
from tasks.storage import Place, disk
from tasks.threads import share_memory


def _as_typed(hint: Any, tokens: Sequence[Token]) -> Any:
    """Take a value as typed, so that the flow's own types check it, as in Python."""
    if isinstance(tokens[0].implicit_value, bool):
        return tokens[0].implicit_value
    values = tuple(token.value for token in tokens)
    if "" in values:  # of an unset variable of a shell; as a path it would be the current folder
        raise UsageError(f"{tokens[0].keyword or 'an argument'} is empty; give a value, or leave it out.")
    return values if get_origin(hint) is tuple or len(values) > 1 else values[0]


EXAMPLES = {command.name: command.example for command in COMMANDS} | {
    "review": "cleansplit review",
    "report": "cleansplit report --out page.html",
    "compare": "cleansplit compare photos-1c94 latest",
    "export": "cleansplit export --format npz --out arrays",
    "apply": "cleansplit apply --link sanitized/ --execute",
    "pull": "cleansplit pull --workspace s3://bucket/cleansplit",
    "doctor": "cleansplit doctor",
    "reference": "cleansplit reference add photos images/",
}

app = App(
    name="cleansplit",
    help="Build train, validation and test sets, measure their overlap, and write them without it.",
    version=version("cleansplit"),
    version_flags=["--version"],
    default_parameter=Parameter(converter=_as_typed, consume_multiple=True, negative=()),
    result_action="return_value",
    console=Console(theme=Theme({"markdown.code": "bold"})),  # the default, cyan on black, is a box on a light terminal
)


def add(name: ReferenceName, source: str, *sources: str, workspace: PurePath | None = None) -> None:
    """Add all images of some sources to a reference, which later batches are compared with."""
    for one in (source, *sources):
        _run(ARRIVALS, ArrivalsSpec.of(source=one, against=(name,), whole=True, workspace=workspace), False)


reference = App(
    name="reference",
    help="Keep known images, which later batches are compared with.",
    help_epilogue=f"Example: {EXAMPLES['reference']}",
)
for part in (add, list_segments, verify_reference, drop):
    reference.command(validate_call(with_help(part)), name=part.__name__.partition("_")[0], help_epilogue="")
app.command(reference)

for direct in (review, report, compare, verify, export, apply, pull, clean, doctor):  # without a flow and a server
    app.command(validate_call(with_help(direct)), help_epilogue=f"Example: {EXAMPLES[direct.__name__]}")


def _run(command: Command[Any], spec: Spec, verbose: bool) -> None:
    """Refuse wrong parameters, then import the flow while its server starts."""
    for role, name in [*getattr(spec, "sources", {}).items(), *(("test", name) for name in getattr(spec, "tests", ()))]:
        check_source(role, name)
    if isinstance(decisions := getattr(spec, "decisions", None), PurePath):
        from tasks.storage.decisions import read_decisions

        read_decisions(Place.of(decisions))
    if summary := getattr(spec, "summary", None):
        disk.add_text(Place.of(summary), "")  # before the long work
    share_memory()
    server = temporary.start()
    with without_garbage():
        from prefect.flows import load_flow_from_entrypoint

        from flows.command.running import show

        flow: Any = load_flow_from_entrypoint(command.flow, use_placeholder_flow=False)
    with server.serving() if server else contextlib.nullcontext():
        show(flow, spec, verbose)


def _add(command: Command[Any]) -> None:
    """Add the command of a flow."""
    options, kind = options_of(command), cast(type[Spec], command.takes)

    def body(*values, **named):  # type: ignore[no-untyped-def]  # `options` has the types
        given = options.bind(*values, **named).arguments
        _run(command, kind.of(**{name: given[name] for name in given if name != VERBOSE}), given.get(VERBOSE, False))

    body.__signature__ = options  # type: ignore[attr-defined]
    app.command(body, name=command.name, help=command.sentence, help_epilogue=f"Example: {command.example}")


for row in COMMANDS:
    if row.name not in app:
        _add(row)


def execute(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and exit with the code of its outcome."""
    errors = Console(stderr=True)
    stop_at_once()
    typed = list(sys.argv[1:] if arguments is None else arguments)
    if typed[:1] == ["audit"] and any(word.partition("=")[0] == "--against" for word in typed):
        typed[0] = "arrivals"  # a batch is audited against references
    try:
        with disk.storage_errors(Place("a file")):
            app(typed, exit_on_error=False, print_error=False)
        sys.stdout.flush()  # here a closed pipe is expected; at the interpreter's end it would print a traceback
    except CycloptsError as error:
        _stop(_usage(error), UsageError.exit_code, errors)
    except CleanSplitError as error:
        _stop(str(error), error.exit_code, errors)
    except BrokenPipeError:  # the reader of the output closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        if isinstance(error, ValidationError) and error.title.endswith("Settings"):  # of Prefect, when it is imported
            wrong, group = error.errors()[0], f"Prefect{error.title.removesuffix('Settings')}"
            name = re.sub("(?<=[a-z])(?=[A-Z])", "_", "_".join([group, *map(str, wrong["loc"])])).upper()
            _stop(f"the setting {name} is wrong: {wrong['msg']}; change or unset it.", UsageError.exit_code, errors)
        with tempfile.NamedTemporaryFile("w", prefix="cleansplit-", suffix=".log", delete=False) as file:
            file.write(traceback.format_exc())
        _stop(f"a bug in cleansplit stopped the run; please report the contents of {file.name}.", 1, errors)
    finally:
        stay_until_stopped()


def _usage(error: CycloptsError) -> str:
    """Return a usage error in the flow's own words if a value caused it."""
    if isinstance(error.__cause__, ValidationError) and (given := error.argument):
        return sentence(given.name.lstrip("-").replace("-", "_"), given.field_info.hint, error.__cause__)
    command = " ".join(error.command_chain or ())
    if isinstance(error, MissingArgumentError) and (lacking := error.argument):
        name = lacking.name.lstrip("-").upper() if lacking.field_info.is_positional else lacking.name
        return f"{name} needs a value, which `cleansplit {command} --help` describes."
    if isinstance(error, UnusedCliTokensError):
        unused = " ".join(error.unused_tokens or ())
        return f"{unused} is one path too many; give each with its option, which `cleansplit {command} --help` lists."
    return str(error)


def _stop(reason: str, code: int, errors: Console) -> None:
    errors.print(f"cleansplit: {printable(reason)}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
