"""Give a function the parameters of a specification, including their types, defaults and descriptions."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, ParamSpec, TypeVar, cast, get_args

from pydantic import GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from tasks.records.spec import Spec

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Command(Generic[P]):
    """A command, which is also a flow.

    Users type its `name`; `takes` is the subclass of `tasks.records.spec.Spec` with its parameters; `flow` is its
    import path; help, run form and Python show the `sentence`, and help shows the `example`.
    """

    name: str
    takes: Callable[P, Spec]
    flow: str
    sentence: str
    example: str

    @property
    def flow_name(self) -> str:
        """The name of the flow in Prefect. It tells our runs from runs of others, who may have a flow called audit."""
        return f"cleansplit-{self.flow.rpartition('.')[2]}".removesuffix("-cleansplit")


class Typed:
    """Describe an optional value by its type alone: a run form then opens with a field to type in, not with "None"."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the JSON schema without null."""
        schema = handler(core)
        kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
        return schema | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})


def with_parameters_of(command: Command[P]) -> Callable[[Callable[[Any], R]], Callable[P, R]]:
    """Make a function of a specification callable with its parameters, and document it from them."""
    kind = cast(type[Spec], command.takes)

    def declare(function: Callable[[Any], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(kind.of(**inspect.signature(called).bind(*args, **kwargs).arguments))

        parameters = [one.replace(annotation=Annotated[one.annotation, Typed()]) for one in parameters_of(kind)]
        returned = inspect.signature(function).return_annotation
        called.__signature__ = inspect.Signature(parameters, return_annotation=returned)  # type: ignore[attr-defined]
        lines = [f"    {one.name}: {next(descriptions_in(one.annotation))}" for one in parameters]
        called.__doc__ = "\n".join([f"{command.sentence}\n\nArgs:", *lines])
        return called

    return declare


def parameters_of(kind: type[Spec]) -> list[inspect.Parameter]:
    """Return the parameters of a specification, its own before the shared ones."""
    found = inspect.signature(kind).parameters
    names = dict.fromkeys(name for part in kind.__mro__ for name in inspect.get_annotations(part) if name in found)
    return [found[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]


def descriptions_in(hint: Any) -> Iterator[str]:
    """Yield the descriptions in a type."""
    yield from (part.description for part in get_args(hint) if isinstance(part, FieldInfo) and part.description)
