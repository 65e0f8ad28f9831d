"""Give a flow the parameters of a spec: their names, types, defaults and descriptions are said there alone."""

import functools
import inspect
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar, cast, get_args

from pydantic.fields import FieldInfo

from tasks.records.spec import Spec

T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S", bound=Spec)
R = TypeVar("R")


class Unstored(Generic[T]):
    """What a subflow gets or gives without Prefect storing it or looking through it.

    Prefect refuses parameters of more than 524,288 bytes, which the records of some hundred classes are. What it can't
    encode, as it can't encode this, it leaves out.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value


def takes(kind: Callable[P, S]) -> Callable[[Callable[[S], R]], Callable[P, R]]:
    """Let a function that works on a spec be called with the spec's parameters.

    Prefect's run form and the command read the signature and docstring, which are generated from the spec.

    Parameters
    ----------
    kind : type
        A subclass of `tasks.records.spec.Spec`.
    """
    spec_type = cast(type[S], kind)

    def with_parameters(function: Callable[[S], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            given = inspect.signature(called).bind(*args, **kwargs).arguments
            return function(spec_type.of(**given))

        parameters = parameters_of(spec_type)
        called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            parameters, return_annotation=inspect.signature(function).return_annotation
        )
        lines = [f"    {parameter.name}: {description_of(parameter)}" for parameter in parameters]
        called.spec = spec_type  # type: ignore[attr-defined]  # who calls the flow may look at what it is given first
        called.__doc__ = "\n".join([f"{inspect.getdoc(function)}\n\nArgs:", *lines])
        return called

    return with_parameters


def parameters_of(kind: type[Spec]) -> list[inspect.Parameter]:
    """Return the parameters of a spec: its own first, then those that it shares with others."""
    found = inspect.signature(kind).parameters
    names = [name for part in kind.__mro__ for name in inspect.get_annotations(part) if name in found]
    return [found[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]


def description_of(parameter: inspect.Parameter) -> str:
    """Return the description that stands with a parameter's type."""
    found = (part.description for part in get_args(parameter.annotation) if isinstance(part, FieldInfo))
    return next(filter(None, found))
