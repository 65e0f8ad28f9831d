"""Describe the values that a parameter accepts, from its type and limits."""

import inspect
from collections.abc import Iterator
from dataclasses import astuple
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

ONE = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
MANY = {bool: "true or false", int: "whole numbers", float: "numbers", str: "texts"}
LIMITS = {"Ge": "at least {}", "Gt": "above {}", "Le": "at most {}", "Lt": "below {}"}  # names of annotated_types


def sentence(name: str, annotation: Any, refused: ValidationError) -> str:
    """Return a sentence about an invalid value of a parameter and the accepted ones.

    >>> from pydantic import Field, TypeAdapter
    >>> sizes = tuple[Annotated[int, Field(gt=0)] | Literal["all"], ...]
    >>> try:
    ...     TypeAdapter(sizes).validate_python("some")
    ... except ValidationError as error:
    ...     sentence("sizes", sizes, error)
    'sizes: give whole numbers above 0, or all.'
    """
    first = refused.errors()[0]
    if first["type"] == "value_error":
        return f"{name}: {first['ctx']['error']}"
    return f"{name}: give {accepted(annotation)}."


def accepted(annotation: Any, words: dict[Any, str] = ONE) -> str:
    """Describe the values that a type accepts."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        said = " and ".join(_limits(inner[1:]))
        return accepted(inner[0], words) + (f" {said}" if said.startswith("above") else f" of {said}" if said else "")
    if origin in (Union, UnionType):
        return ", or ".join(accepted(one, words) for one in inner if one is not NoneType)
    if origin is Literal:
        return " or ".join(filter(None, [", ".join(inner[:-1]), inner[-1]]))
    if origin is tuple:
        return accepted(inner[0], MANY)
    return words.get(annotation, "a path" if inspect.isclass(annotation) else "something else")


def _limits(metadata: tuple[Any, ...]) -> Iterator[str]:
    """Yield the limits in the metadata of a type, in words."""
    for part in metadata:
        for one in part.metadata if isinstance(part, FieldInfo) else [part]:
            if type(one).__name__ in LIMITS:
                yield LIMITS[type(one).__name__].format(*astuple(one))
