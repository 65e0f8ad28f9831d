"""Parameters of drawing splits and of training models."""

from dataclasses import fields, replace
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from tasks.addresses import SourceName
from tasks.errors import UsageError
from tasks.records.parameters import FoldCount, Size
from tasks.records.spec_base import WorkSpec
from tasks.records.spec_searching import DedupeSpec, OverlapSpec, SearchSpec, SourceSpec, check_different, check_pattern
from tasks.vocabulary import GENERATED, SPLITS, ModelName, Recipe, Role, ViewName

GENERATED_CLASSES = 10  # A to J


@dataclass(frozen=True, kw_only=True)
class DrawSpec(SourceSpec):
    """How splits are drawn."""

    train: PositiveInt | None = None
    validation: NonNegativeInt | None = None
    test: PositiveInt | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0  # scikit-learn takes less than twice as much
    group_by: str | None = None
    group_alike: bool = False
    folds: FoldCount | None = None

    @property
    def in_groups(self) -> bool:
        """Whether groups are not divided between splits: always, unless there is another recipe."""
        return getattr(self, "recipe", "grouped") == "grouped"

    def check(self) -> None:
        """Refuse groups without grouped splits, and an invalid regular expression."""
        super().check()
        check_pattern(self.group_by)
        given = [name for name in ("group_by", "group_alike", "folds") if getattr(self, name)]
        if given and not self.in_groups:
            raise UsageError(f"{given[0]} is for grouped splits; use --recipe grouped, or cleansplit split.")


@dataclass(frozen=True, kw_only=True)
class PrepareSpec(DrawSpec):
    """Parameters of `flows.pipeline.prepare`."""

    large: SourceName | None = None
    small: SourceName | None = None
    dataset: str = "fonts"
    recipe: Recipe = "cleansplit"

    @property
    def sources(self) -> dict[Role, str]:
        """The source for each role."""
        return {"large": self.large or self.dataset, "small": self.small or self.dataset}

    def check(self) -> None:
        """Refuse one source without the other, and sizes that the number of classes does not divide."""
        super().check()
        if (self.large is None) != (self.small is None):
            given, missing = ("large", "small") if self.small is None else ("small", "large")
            raise UsageError(f"{given} is given without {missing}: a run needs both sources, or neither of them.")
        if self.dataset.partition(":")[0] not in GENERATED or (self.large and self.dataset != "fonts"):
            raise UsageError(f"dataset {self.dataset}: give fonts, fonts:FOLDER or notmnist, and no large and small.")
        check_different(self.sources)
        known = all(name.partition(":")[0] in GENERATED for name in self.sources.values())
        if not self.in_groups and (classes := self.classes or (GENERATED_CLASSES if known else None)):
            for name in SPLITS:
                rows = getattr(self, name) or 0
                if rest := rows % classes:
                    near = [str(n) for n in (rows - rest, rows - rest + classes) if n or name == "validation"]
                    raise UsageError(f"{name} {rows} is not a multiple of {classes} classes; use {' or '.join(near)}.")


@dataclass(frozen=True, kw_only=True)
class TrainingSpec(WorkSpec):
    """What to train."""

    models: tuple[ModelName, ...] = ("softmax", "sgd", "1nn")
    sizes: tuple[Size, ...] = (50, 100, 1000, 5000, "all")
    trainings: PositiveInt = 5

    def check(self) -> None:
        """Refuse empty or repeated choices of models or sizes."""
        super().check()
        for name, values in (("models", self.models), ("sizes", self.sizes)):
            if not values or len(set(values)) != len(values):
                raise UsageError(f"{name} must name at least one entry and none twice.")


@dataclass(frozen=True, kw_only=True)
class DrawnAndTrained(DrawSpec, OverlapSpec, TrainingSpec):
    """Common parameters of flows that draw splits, measure them and train on them."""

    def of_one_set(self) -> DedupeSpec:
        """Return the spec for searching all sources as one set, where chains are not cut, since they stay together."""
        shared = {field.name: getattr(self, field.name) for field in fields(SearchSpec)}
        return DedupeSpec(source="all", **shared | {"chains": "keep"})


@dataclass(frozen=True, kw_only=True)
class RunSpec(PrepareSpec, DrawnAndTrained):
    """Parameters of `flows.pipeline.cleansplit`."""


@dataclass(frozen=True, kw_only=True)
class SplitSpec(DrawnAndTrained):
    """Parameters of `flows.pipeline.split`."""

    source: SourceName

    def settled(self, view: ViewName, side: int, classes: int) -> Self:
        """Return the spec with the facts of the sources, and without models if there is only one class."""
        spec = super().settled(view, side, classes)
        return spec if classes > 1 else replace(spec, models=())
