"""What the parameters of all flows have in common, and of those that do heavy work."""

import os  # noqa: TID251  # the environment, no file
from inspect import get_annotations
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from pydantic import Field, PositiveInt, ValidationError
from pydantic.dataclasses import dataclass

from tasks.errors import UsageError
from tasks.records import parameters as p
from tasks.records.wording import sentence
from tasks.storage.place import Place, refuse_other_encodings
from tasks.storage.workspace import workspace_at
from tasks.vocabulary import Runner


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What the parameters of all flows have in common."""

    workspace: p.Workspace = None

    def __init_subclass__(cls) -> None:
        """Put its description on each parameter, for the schema, the command's help and Prefect's run form."""
        for name, hint in get_annotations(cls).items():
            if getattr(hint, "__origin__", None) is not ClassVar:
                said = p.DESCRIPTIONS.get(f"{cls.__name__}.{name}") or p.DESCRIPTIONS[name]
                cls.__annotations__[name] = Annotated[hint, Field(description=said)]

    @classmethod
    def of(cls, **parameters: Any) -> Self:
        """Build a spec from flow parameters.

        Raises
        ------
        UsageError
            Names the first value or combination that is impossible.
        """
        for value in parameters.values():
            for part in value if isinstance(value, list | tuple) else [value]:
                refuse_other_encodings(str(part))
        try:
            spec = cls(**parameters)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise UsageError(sentence(name, get_type_hints(cls, include_extras=True).get(name), error)) from error
        spec.check()
        return spec

    def check(self) -> None:
        """Refuse what no single parameter's type can, and a workspace that can't be named."""
        _ = self.place

    @property
    def place(self) -> Place:
        """The workspace, on the machine that asks."""
        return workspace_at(self.workspace)


@dataclass(frozen=True, kw_only=True)
class WorkSpec(Spec):
    """What the parameters of flows that do heavy work have in common."""

    workers: PositiveInt | None = None
    memory: Annotated[float | None, Field(gt=0)] = None
    runner: Runner = "auto"
    cluster: Annotated[str | None, Field(pattern=r"^[a-z]+://\S+$")] = None

    def check(self) -> None:
        """Refuse a cluster for other runners, and limits for workers that somebody else started."""
        super().check()
        if self.cluster and self.runner not in ("auto", "dask"):
            raise UsageError(f"cluster {self.cluster} is for tasks on Dask, not for runner {self.runner}; give one.")
        for name in ("workers", "memory"):
            if self.scheduler and (asked := getattr(self, name)):
                raise UsageError(
                    f"{name} {asked:g} is for tasks on this machine, but they run on the cluster at {self.scheduler}, "
                    f"whose workers have limits of their own; leave {name} out."
                )

    @property
    def scheduler(self) -> str | None:
        """Address of the Dask cluster to run on, if one is given, or CLEANSPLIT_CLUSTER names one for all runs."""
        if self.runner not in ("auto", "dask"):
            return None
        return self.cluster or os.environ.get("CLEANSPLIT_CLUSTER") or None

    @property
    def on_dask(self) -> bool:
        """Whether tasks run on a Dask cluster."""
        return self.runner == "dask" or self.scheduler is not None

    def how(self) -> dict[str, Any]:
        """Return the parameters that say where tasks run."""
        return {"workers": self.workers, "memory": self.memory, "runner": self.runner, "cluster": self.cluster}
