"""The parameters of a run and of an audit: their types, defaults and what can't be.

The flows have the same parameters under the same names and describe them; these records check them.
"""

import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError
from pydantic.dataclasses import dataclass

from tasks.errors import UsageError
from tasks.sources import SourceName

Role = Literal["large", "small", "train", "validation", "test"]  # an audit's sources are the splits themselves
SplitName = Literal["train", "validation", "test"]
Recipe = Literal["cleansplit", "course"]  # how splits are drawn
Protect = Literal["train", "test"]
Runner = Literal["auto", "threads", "processes"]
View = Literal["ink", "photo"]  # which bits describe an image to the overlap engine
Variant = Literal["mirrored", "shifted"]  # forms of an image that are looked for as well
ModelName = Literal["softmax", "sgd", "1nn", "mlp"]
Control = Literal["none", "without_twins", "without_random"]  # rows left out of training
Size = PositiveInt | Literal["all"]
Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
ClassCount = Annotated[int, Field(ge=2)]
VIEW_DEFAULTS: dict[View, dict[str, float]] = {
    "ink": {"threshold": 0.95, "floor": 0.90, "recall": 0.99},
    "photo": {"threshold": 0.65, "floor": 0.60, "recall": 0.93},  # at the threshold that recall is 0.992
}
Side = Annotated[int, Field(ge=2, le=256)]

PUBLISHED_MINIMUM: dict[Role, int] = {"large": 45_000, "small": 1_800}  # the course's own check of notMNIST
LETTERS = 10  # classes of notMNIST, A to J
DEFAULT_WORKSPACE = Path(os.environ.get("CLEANSPLIT_WORKSPACE", "workspace"))
NOT_IN_REPORT = ("workspace", "workers", "runner", "fresh")  # they change no result


def sentence(name: str, refused: ValidationError) -> str:
    """Return what is wrong with the value of a parameter."""
    return f"{name}: {refused.errors()[0]['msg']}"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a run and an audit have in common."""

    workspace: Path = DEFAULT_WORKSPACE
    view: View | Literal["auto"] = "auto"
    also: tuple[Variant, ...] = ()
    scaled: bool = False
    threshold: Share | None = None
    floor: Share | None = None
    recall: Probability | None = None
    exhaustive: bool = False
    protect: Protect = "train"
    workers: PositiveInt | None = None
    runner: Runner = "auto"
    fresh: bool = False
    classes: ClassCount | None = None
    side: Side = 28
    min_per_class: PositiveInt | None = None
    max_overlap: Share | None = None
    max_quarantine: Share = 0.01
    min_rows: PositiveInt | None = None

    @classmethod
    def of(cls, **parameters: Any) -> Self:
        """Build a spec from flow parameters.

        Raises
        ------
        UsageError
            Names the first value or combination that can't be.
        """
        try:
            spec = cls(**parameters)
        except ValidationError as error:
            raise UsageError(sentence(str(error.errors()[0]["loc"][0]), error)) from error
        spec.check()
        return spec

    def but(self, **changes: Any) -> Self:
        """Return a spec with some other values; raises what `of` raises."""
        return self.of(**{field.name: getattr(self, field.name) for field in fields(self)} | changes)

    @property
    def sources(self) -> dict[Role, str]:
        """What to read for each role."""
        raise NotImplementedError

    def settled(self, view: View, side: int, classes: int) -> Self:
        """Return the spec with what only the sources tell, and the view's defaults for what was not given."""
        if self.also and view == "ink":
            raise UsageError(f"also {', '.join(self.also)} is for the photo view; these images are seen as ink.")
        given = {name: value for name in VIEW_DEFAULTS[view] if (value := getattr(self, name)) is not None}
        return self.but(view=view, side=side, classes=classes, **VIEW_DEFAULTS[view] | given)

    @property
    def threshold_percent(self) -> int:
        """Similarity, in whole percent, from which a row is removed."""
        return round(100 * (self.threshold or 0))

    @property
    def floor_percent(self) -> int:
        """Similarity, in whole percent, from which pairs are searched; never above the threshold."""
        return min(round(100 * (self.floor or 0)), self.threshold_percent)

    def minimum(self, role: Role) -> int:
        """Members that each class of a source must have."""
        if self.min_per_class is not None:
            return self.min_per_class
        return PUBLISHED_MINIMUM[role] if self.sources[role] == "notmnist" else 1

    def check(self) -> None:
        """Refuse what no single parameter's type can."""
        for name in ("threshold", "floor"):
            if getattr(self, name) is None:
                continue
            value = 100 * getattr(self, name)
            if abs(value - round(value)) > 1e-9:
                raise UsageError(f"{name} {getattr(self, name)} is not a whole percent; use for instance 0.95.")
            if value < 1:
                raise UsageError(f"{name} must be at least 0.01: at 0 every pair of images would match.")

    def shown(self) -> dict[str, Any]:
        """Return the parameters that can change a result, as JSON values."""
        usual = {"view": "ink", "also": (), "scaled": False}  # of glyphs, whose reports have no word of it
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in NOT_IN_REPORT}
        values = {name: value for name, value in values.items() if name not in usual or value != usual[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class RunSpec(Spec):
    """The parameters of a run; `flows.pipeline.cleansplit` describes each."""

    large: SourceName | None = None
    small: SourceName | None = None
    dataset: str = "fonts"
    train: PositiveInt | None = None
    validation: NonNegativeInt | None = None
    test: PositiveInt | None = None
    recipe: Recipe = "cleansplit"
    seed: NonNegativeInt = 0
    models: tuple[ModelName, ...] = ("softmax", "sgd", "1nn")
    sizes: tuple[Size, ...] = (50, 100, 1000, 5000, "all")

    @property
    def sources(self) -> dict[Role, str]:
        """What to read for each role."""
        return {"large": self.large or self.dataset, "small": self.small or self.dataset}

    def check(self) -> None:
        """Refuse what no single parameter's type can."""
        super().check()
        if (self.large is None) != (self.small is None):
            given, missing = ("large", "small") if self.small is None else ("small", "large")
            raise UsageError(f"{given} is given without {missing}: a run needs both sources, or neither of them.")
        for name in ("models", "sizes"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise UsageError(f"{name} must name at least one entry and none twice.")
        known = all(name.partition(":")[0] in ("notmnist", "fonts") for name in self.sources.values())
        classes = self.classes or (LETTERS if known else None)
        for name in ("train", "validation", "test"):
            rows = getattr(self, name)
            if rows is not None and classes and rows % classes:
                near = rows - rows % classes
                choices = [str(n) for n in (near, near + classes) if n or name == "validation"]
                raise UsageError(f"{name} {rows} does not divide by the {classes} classes; use {' or '.join(choices)}.")


@dataclass(frozen=True, kw_only=True)
class AuditSpec(Spec):
    """The parameters of an audit of splits that exist; `flows.audit.audit` describes each."""

    train: SourceName
    test: SourceName
    validation: SourceName | None = None

    @property
    def sources(self) -> dict[Role, str]:
        """What to read for each role."""
        optional: dict[Role, str] = {"validation": self.validation} if self.validation else {}
        return {"train": self.train, **optional, "test": self.test}
