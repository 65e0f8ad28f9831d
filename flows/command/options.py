"""The options of commands, by group and with an example in the help."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, cast

from cyclopts import Group, Parameter
from pydantic import Field

from flows.engine.parameters import Command, descriptions_in, parameters_of
from tasks.records.parameters import described
from tasks.records.spec import Spec

POSITIONAL = ("root", "source", "run")  # typed without --
GROUPS = {  # by the title of a group, the names of its options in their order
    "Input": "root source against run large small dataset train validation test recipe columns classes min_per_class "
    "follow_links masks_as_images",
    "What counts as a duplicate": "threshold protect keep chains also group_by group_alike embeddings decisions",
    "Gates": "max_overlap max_shared_groups max_duplicates min_rows max_quarantine max_ignored undecided",
    "Effort": "models sizes trainings exhaustive recall workers memory fresh",
    "Output": "accept whole workspace summary verbose",
    "Advanced": "view side floor seed folds runner cluster",
}
ORDER = [(title, name) for title, names in GROUPS.items() for name in names.split()]
TITLES = {name: Group(title, sort_key=list(GROUPS).index(title)) for title, name in ORDER}
WORDS = {"PurePath": "PATH", "SourceName": "SOURCE", "_valid": "SOURCE", "Literal": "CHOICE", "str": "TEXT"}  # by type
VERBOSE, SAID = "verbose", "Print all tables before the answer; README.md and report.html of the run have them, too."


def options_of(command: Command[Any]) -> inspect.Signature:
    """Return the signature of a command: the parameters of its flow, and `verbose`."""
    given = parameters_of(cast(type[Spec], command.takes))
    hint = Annotated[bool, Field(description=SAID)]
    verbose = inspect.Parameter(VERBOSE, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hint)
    shown = sorted([*given, verbose], key=lambda one: list(TITLES).index(one.name))
    return inspect.Signature(sorted(map(_option, shown), key=lambda one: one.kind))


def _option(one: inspect.Parameter) -> inspect.Parameter:
    how = Parameter(
        group=TITLES[one.name],
        negative=f"--no-{one.name}" if one.name == "decisions" or one.default is True else (),
        consume_multiple=one.name != "against",  # so that a batch may follow
        show_default=_shown if one.default not in (None, ()) and one.default is not False else False,
    )
    kind = one.POSITIONAL_OR_KEYWORD if one.name in POSITIONAL else one.KEYWORD_ONLY
    return one.replace(kind=kind, annotation=Annotated[_described(one.annotation), how])


def _shown(default: Any) -> str:
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def with_help(function: Callable[..., Any]) -> Callable[..., Any]:
    """Describe the options of a command without a flow."""
    for name, hint in inspect.get_annotations(function).items():
        if name != "return":
            about = Field(description=described(function.__name__, name))
            function.__annotations__[name] = _described(Annotated[hint, about])
    return function


def _described(hint: Any) -> Any:
    """Return a type with its description, and with the word that stands for a value in the help."""
    word = next((word for kind, word in WORDS.items() if kind in str(hint)), None)
    return Annotated[hint, Parameter(metavar=word), *(Parameter(help=one) for one in descriptions_in(hint))]
