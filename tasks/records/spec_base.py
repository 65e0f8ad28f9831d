"""The common parameters of all flows, and of flows that do heavy work, and what is said of a refused value."""

import os  # noqa: TID251  # the environment, no file
from collections.abc import Callable, Mapping
from dataclasses import fields
from inspect import get_annotations
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from pydantic import Field, PositiveInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tasks.errors import UsageError
from tasks.records import parameters as p
from tasks.storage.place import Place, refuse_other_encodings, spelled
from tasks.storage.workspace import workspace_at
from tasks.vocabulary import Runner

ONE = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "a text"}
MANY = {"integer": "whole numbers", "number": "numbers", "string": "texts"}
LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The common parameters of all flows."""

    workspace: Annotated[PurePath | None, Field(description=p.DESCRIPTIONS["workspace"])] = None

    def __init_subclass__(cls) -> None:
        """Add the description to each parameter, for the schema, the help of commands and the run forms of Prefect."""
        command = cls.__name__.removesuffix("Spec").lower()
        for name, hint in get_annotations(cls).items():
            if getattr(hint, "__origin__", None) is not ClassVar:
                cls.__annotations__[name] = Annotated[hint, Field(description=p.described(command, name))]

    @classmethod
    def of(cls, **parameters: Any) -> Self:
        """Build a spec from flow parameters; raises `UsageError` for the first value or combination not allowed."""
        hints = get_type_hints(cls, include_extras=True)
        for name, value in parameters.items():
            if isinstance(value, bool) and "bool" not in str(hints.get(name)):  # pydantic takes it for 1 or 0
                parameters[name] = ...
            for part in value if isinstance(value, list | tuple) else [value]:
                if part == "":  # as a path it would be the current folder
                    raise UsageError(f"{name} is empty; give a value, or leave it out.")
                refuse_other_encodings(str(part))
        try:
            spec = cls(**parameters)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise UsageError(sentence(name, hints.get(name), error)) from error
        spec.check()
        return spec

    def check(self) -> None:
        """Refuse combinations that no type can exclude, and a workspace with an invalid name."""
        _ = self.place

    def arguments(self, *names: str, show: Callable[[Any], Any] = spelled) -> list[str]:
        """Return all parameters, or the named ones, that differ from their defaults as options of the command.

        `show` is called with each value; by default a URL loses its secrets.
        """
        found = []
        for field in fields(self):
            value, option = getattr(self, field.name), field.name.replace("_", "-")
            if value is None or value == field.default or (names and field.name not in names):
                continue
            if isinstance(value, bool):  # the default of some is neither true nor false
                found.append(f"--{option}" if value else f"--no-{option}")
                continue
            found += [f"--{option}={show(one)}" for one in (value if isinstance(value, tuple) else (value,))]
        return found

    @property
    def place(self) -> Place:
        """The workspace, resolved on the calling machine."""
        return workspace_at(self.workspace)


@dataclass(frozen=True, kw_only=True)
class WorkSpec(Spec):
    """The common parameters of flows that do heavy work."""

    workers: PositiveInt | None = None
    memory: Annotated[float | None, Field(gt=0)] = None
    runner: Runner = "auto"
    cluster: Annotated[str | None, Field(pattern=r"^[a-z]+://\S+$")] = None

    def check(self) -> None:
        """Refuse a cluster for other runners, and limits for workers that somebody else started."""
        super().check()
        if self.cluster and self.runner not in ("auto", "dask"):
            raise UsageError(f"cluster {self.cluster} is for tasks on Dask, not for runner {self.runner}; remove one.")
        for name in ("workers", "memory"):
            if self.scheduler and (asked := getattr(self, name)):
                where = f"for tasks on this machine, not on the cluster at {self.scheduler}"
                raise UsageError(f"{name} {asked:g} is {where}; remove {name}.")

    @property
    def scheduler(self) -> str | None:
        """Address of the Dask cluster, from the parameter or from CLEANSPLIT_CLUSTER."""
        if self.runner not in ("auto", "dask"):
            return None
        return self.cluster or os.environ.get("CLEANSPLIT_CLUSTER") or None

    @property
    def on_dask(self) -> bool:
        """Whether tasks run on a Dask cluster."""
        return self.runner == "dask" or self.scheduler is not None

    def how(self) -> dict[str, Any]:
        """Return the parameters that decide where tasks run."""
        return {"workers": self.workers, "memory": self.memory, "runner": self.runner, "cluster": self.cluster}


def sentence(name: str, annotation: Any, refused: ValidationError) -> str:
    """Return a sentence about an invalid value of a parameter and the accepted ones.

    >>> try:
    ...     TypeAdapter(tuple[p.Size, ...]).validate_python("some")
    ... except ValidationError as error:
    ...     sentence("sizes", tuple[p.Size, ...], error)
    'sizes: give whole numbers above 0, or all.'
    """
    first = refused.errors()[0]
    if first["type"] == "value_error":
        return f"{name}: {first['ctx']['error']}"
    return f"{name}: give {accepted(TypeAdapter(annotation).json_schema())}."


def accepted(schema: dict[str, Any], words: Mapping[str, str] = ONE) -> str:
    """Describe the values that a JSON schema accepts."""
    if "title" in schema:
        return str(schema["title"])
    if "anyOf" in schema:
        return ", or ".join(accepted(one, words) for one in schema["anyOf"] if one != {"type": "null"})
    if "items" in schema:
        return accepted(schema["items"], MANY)
    if names := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    word = "a path" if schema.get("format") == "path" else words.get(schema["type"], "something else")
    said = " and ".join(f"{text} {schema[limit]:g}" for limit, text in LIMITS.items() if limit in schema)
    return word + (f" {said}" if said.startswith("above") else f" of {said}" if said else "")
