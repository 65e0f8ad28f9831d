"""The parameters of each flow as one checked record: defaults, and what no single parameter's type can refuse."""

import os  # noqa: TID251  # the environment, no file
import re
from dataclasses import fields, replace
from typing import Annotated, Any, ClassVar, Self, cast, get_type_hints

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

from tasks.errors import UsageError
from tasks.records import parameters as p
from tasks.records.wording import sentence
from tasks.storage import disk
from tasks.storage.place import Place
from tasks.storage.workspace import workspace_at
from tasks.views import VIEWS
from tasks.vocabulary import GENERATED, IN_PUBLIC, Protect, Role, ViewName
from tasks.vocabulary.addresses import SourceName, is_url, reveal
from tasks.vocabulary.columns import USUAL

PUBLISHED_MINIMUM: dict[Role, int] = {"large": 45_000, "small": 1_800}  # the course's own check of notMNIST
LOWEST_AGREEMENT = 0.70  # of photographs that a user may call twins
LETTERS = 10  # classes of notMNIST, A to J
# Decisions count by their content, not by the name of their file.
CHANGES_NO_RESULT = ("workspace", "workers", "memory", "runner", "cluster", "fresh", "decisions")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What the parameters of all flows have in common."""

    workspace: p.Workspace = None

    @classmethod
    def of(cls, **parameters: Any) -> Self:
        """Build a spec from flow parameters.

        Raises
        ------
        UsageError
            Names the first value or combination that is impossible.
        """
        try:
            spec = cls(**parameters)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise UsageError(sentence(name, get_type_hints(cls, include_extras=True).get(name), error)) from error
        spec.check()
        return spec

    def check(self) -> None:
        """Refuse what no single parameter's type can."""

    @property
    def place(self) -> Place:
        """The workspace, on the machine that asks."""
        return workspace_at(self.workspace)


@dataclass(frozen=True, kw_only=True)
class WorkSpec(Spec):
    """What the parameters of flows that do heavy work have in common."""

    workers: p.Workers = None
    memory: p.Memory = None
    runner: p.RunBy = "auto"
    cluster: p.Cluster = None

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


@dataclass(frozen=True, kw_only=True)
class CleanSpec(Spec):
    """Parameters of `flows.keeping.clean`."""

    keep: p.KeptRuns = 30


@dataclass(frozen=True, kw_only=True)
class VerifySpec(Spec):
    """Parameters of `flows.keeping.verify`."""

    run: p.RunName = "latest"


@dataclass(frozen=True, kw_only=True)
class SourceSpec(WorkSpec):
    """How sources are read."""

    view: p.ComparedBy = "auto"
    also: p.Also = ()
    fresh: p.Fresh = False
    classes: p.Classes = None
    side: p.GlyphSide = 28
    columns: p.NamedColumns = ()
    min_per_class: p.MinPerClass = None
    trains: ClassVar[bool] = True  # whether models may be trained, which need the same classes in every source

    @property
    def sources(self) -> dict[Role, str]:
        """What to read for each role."""
        raise NotImplementedError

    @property
    def columns_by_use(self) -> dict[str, str]:
        """The name of each column that is given, by what it holds."""
        return {what: name for what, _, name in (entry.partition("=") for entry in self.columns)}

    def check(self) -> None:
        """Refuse columns of which nobody knows what they hold."""
        super().check()
        for what, name in self.columns_by_use.items():
            if what not in USUAL or not name:
                raise UsageError(
                    f"columns {what}={name} names none of {', '.join(USUAL)}; write for instance label=NAME."
                )

    def settled(self, view: ViewName, side: int, classes: int) -> Self:
        """Return the spec with what only the sources tell."""
        if self.also and not VIEWS[view].variants:
            raise UsageError(f"also {', '.join(self.also)} needs another view: these images are compared by {view}.")
        spec = replace(self, view=view, side=side, classes=classes)
        spec.check()  # whether sizes divide by the classes is known only now
        return spec

    def minimum(self, role: Role) -> int:
        """Members that each class of a source must have."""
        if self.min_per_class is not None:
            return self.min_per_class
        return PUBLISHED_MINIMUM[role] if self.sources.get(role) == "notmnist" else 1

    def settings(self) -> dict[str, Any]:
        """Return the parameters that can change a result, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in CHANGES_NO_RESULT}


@dataclass(frozen=True, kw_only=True)
class SearchSpec(SourceSpec):
    """What counts as a twin, and which images of a group of duplicates stay."""

    threshold: p.Threshold = None
    floor: p.Floor = None
    recall: p.Recall = None
    exhaustive: p.Exhaustive = False
    keep: p.Kept = "largest"
    chains: p.ChainsAre = "keep"
    decisions: p.DecisionsFile = None
    max_quarantine: p.MaxQuarantine = 0.01
    max_ignored: p.MaxIgnored = None
    joins_within: ClassVar[bool] = False  # whether a split is compared with itself, however long that takes

    def settled(self, view: ViewName, side: int, classes: int) -> Self:
        """Return the spec with what only the sources tell, and the view's defaults for what is unset.

        The threshold stays as it is: the verdict on the images settles it.
        """
        lowest = round(self.threshold or 1, 2)
        if VIEWS[view].on_pixels and lowest < LOWEST_AGREEMENT:
            raise UsageError(
                f"threshold {lowest} is too low for photographs: below {LOWEST_AGREEMENT} most pairs are different "
                "pictures."
            )
        floor, recall = self.floor or VIEWS[view].floor, self.recall or VIEWS[view].recall
        return replace(super().settled(view, side, classes), floor=floor, recall=recall)

    @property
    def floor_percent(self) -> int:
        """Similarity, in whole percent, from which pairs are reported; never above the threshold.

        Only the sources tell the view, and with it the floor.
        """
        usual = VIEWS[cast(ViewName, self.view)].threshold
        return round(100 * min(self.floor or 0, self.threshold or usual or 1))

    def check(self) -> None:
        """Refuse similarities that are no whole percent."""
        super().check()
        check_percents(threshold=self.threshold, floor=self.floor)


@dataclass(frozen=True, kw_only=True)
class OverlapSpec(SearchSpec):
    """What is removed of splits that overlap, and which limits are set."""

    protect: p.Protected = "train"
    max_overlap: p.MaxOverlap = None
    min_rows: p.MinRows = None


@dataclass(frozen=True, kw_only=True)
class DedupeSpec(SearchSpec):
    """Parameters of `flows.dedupe.dedupe`."""

    source: p.OneSource
    max_duplicates: p.MaxDuplicates = None
    trains: ClassVar[bool] = False
    joins_within: ClassVar[bool] = True
    protect: ClassVar[Protect] = "train"  # there is no other split

    @property
    def sources(self) -> dict[Role, str]:
        """What to read."""
        return {"source": self.source}


@dataclass(frozen=True, kw_only=True)
class DrawSpec(SourceSpec):
    """How splits are drawn."""

    train: p.TrainRows = None
    validation: p.ValidationRows = None
    test: p.ScoredRows = None
    seed: p.Seed = 0
    group_by: p.GroupBy = None
    group_alike: p.GroupAlike = False
    folds: p.Folds = None

    @property
    def in_groups(self) -> bool:
        """Whether what belongs together stays on one side."""
        return True

    def check(self) -> None:
        """Refuse groups without grouped splits, and what is no regular expression."""
        super().check()
        given = [name for name in ("group_by", "group_alike", "folds") if getattr(self, name)]
        if given and not self.in_groups:
            raise UsageError(f"{given[0]} is for grouped splits; use --recipe grouped, or cleansplit split.")
        try:
            re.compile(self.group_by or "")
        except re.error as error:
            raise UsageError(f"group_by {self.group_by} is no regular expression ({error}).") from error


@dataclass(frozen=True, kw_only=True)
class PrepareSpec(DrawSpec):
    """Parameters of `flows.steps.prepare`."""

    large: p.Large = None
    small: p.Small = None
    dataset: p.Dataset = "fonts"
    recipe: p.DrawnBy = "cleansplit"

    @property
    def in_groups(self) -> bool:
        """Whether what belongs together stays on one side."""
        return self.recipe == "grouped"

    @property
    def sources(self) -> dict[Role, str]:
        """What to read for each role."""
        return {"large": self.large or self.dataset, "small": self.small or self.dataset}

    def check(self) -> None:
        """Refuse one source without the other, and sizes that do not divide by the classes."""
        super().check()
        if (self.large is None) != (self.small is None):
            given, missing = ("large", "small") if self.small is None else ("small", "large")
            raise UsageError(f"{given} is given without {missing}: a run needs both sources, or neither of them.")
        _check_different(self.sources)
        known = all(name.partition(":")[0] in GENERATED for name in self.sources.values())
        if not self.in_groups and (classes := self.classes or (LETTERS if known else None)):
            for name in ("train", "validation", "test"):
                _check_divides(name, getattr(self, name), classes)


@dataclass(frozen=True, kw_only=True)
class TrainingSpec(WorkSpec):
    """What is trained."""

    models: p.Models = ("softmax", "sgd", "1nn")
    sizes: p.Sizes = (50, 100, 1000, 5000, "all")
    trainings: p.Trainings = 5

    def check(self) -> None:
        """Refuse an empty choice of models or sizes."""
        super().check()
        for name, values in (("models", self.models), ("sizes", self.sizes)):
            if not values or len(set(values)) != len(values):
                raise UsageError(f"{name} must name at least one entry and none twice.")


@dataclass(frozen=True, kw_only=True)
class DrawnAndTrained(DrawSpec, OverlapSpec, TrainingSpec):
    """What splits that are drawn, measured and trained on have in common."""

    def of_one_set(self) -> DedupeSpec:
        """Return how all sources are searched as one set, for groups."""
        shared = {field.name: getattr(self, field.name) for field in fields(SearchSpec)}
        return DedupeSpec(source="", **shared)


@dataclass(frozen=True, kw_only=True)
class RunSpec(PrepareSpec, DrawnAndTrained):
    """Parameters of `flows.pipeline.cleansplit`."""


@dataclass(frozen=True, kw_only=True)
class SplitSpec(DrawnAndTrained):
    """Parameters of `flows.split.split`."""

    source: p.OneSource

    @property
    def sources(self) -> dict[Role, str]:
        """What to read."""
        return {"source": self.source}


ComparingSpec = OverlapSpec | DedupeSpec
TrainedSpec = RunSpec | SplitSpec


@dataclass(frozen=True, kw_only=True)
class AuditSpec(OverlapSpec):
    """Parameters of `flows.audit.audit`."""

    root: p.Root = None
    dataset: p.PublicSet = None
    train: p.TrainSource = None
    test: p.TestSource = None
    validation: p.ValidationSource = None
    trains: ClassVar[bool] = False

    @property
    def sources(self) -> dict[Role, str]:
        """What to read for each role."""
        root = self.root or (IN_PUBLIC + self.dataset if self.dataset else None)
        given: dict[Role, str | None] = {
            "root": root, "train": self.train, "validation": self.validation, "test": self.test,
        }  # fmt: skip
        return {role: name for role, name in given.items() if name is not None}

    def check(self) -> None:
        """Refuse anything but a root or the two splits, and a split that is given twice."""
        super().check()
        given = self.sources
        if self.root and self.dataset:
            raise UsageError("give either a root or --dataset.")
        if "root" in given:
            if len(given) > 1:
                raise UsageError("give either a root that holds all splits, or --train and --test.")
        elif "train" not in given or "test" not in given:
            raise UsageError("an audit needs a root that holds all splits, or --dataset, or --train and --test.")
        _check_different(given)


@dataclass(frozen=True, kw_only=True)
class SanitizeSpec(WorkSpec):
    """Parameters of `flows.steps.sanitize`: what is unset stays as in the run."""

    run: p.RunName = "latest"
    threshold: p.Threshold = None
    floor: p.Floor = None
    recall: p.Recall = None
    exhaustive: Annotated[bool | None, Field(description=p.EXHAUSTIVE)] = None
    protect: Annotated[Protect | None, Field(description=p.PROTECT)] = None
    max_overlap: p.MaxOverlap = None
    min_rows: p.MinRows = None
    decisions: p.DecisionsFile = None

    def check(self) -> None:
        """Refuse similarities that are no whole percent."""
        check_percents(threshold=self.threshold, floor=self.floor)

    def changes(self) -> dict[str, Any]:
        """Return the parameters of the run that are given other values."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if name not in ("run", "workspace") and value is not None}


@dataclass(frozen=True, kw_only=True)
class EvaluateSpec(TrainingSpec):
    """Parameters of `flows.steps.evaluate`."""

    run: p.RunName = "latest"


@dataclass(frozen=True, kw_only=True)
class ReproduceSpec(WorkSpec):
    """Parameters of the command that sets published figures beside measured ones."""

    large: Annotated[
        SourceName | None,
        Field(
            description="The archive notMNIST_large, or a URL of it. If both are unset, the archives are downloaded."
        ),
    ] = None
    small: Annotated[SourceName | None, Field(description="The archive notMNIST_small, or a URL of it.")] = None


def check_percents(**similarities: float | None) -> None:
    """Refuse similarities that are no whole percent of at least 1."""
    for name, value in similarities.items():
        if value is None:
            continue
        if abs(100 * value - round(100 * value)) > 1e-9:
            raise UsageError(f"{name} {value} is not a whole percent; use for instance 0.95.")
        if 100 * value < 1:
            raise UsageError(f"{name} must be at least 0.01: at 0 every pair of images would match.")


def _check_different(sources: dict[Role, str]) -> None:
    """Refuse two sources that are one file or folder: everything in it would be a twin of itself."""
    first: dict[str, str] = {}
    for role, name in sources.items():
        if name.partition(":")[0] in GENERATED:
            continue
        where = str(disk.resolved(Place.of(name))) if not is_url(name) else reveal(name)
        if where in first:
            raise UsageError(f"{first[where]} and {role} are the same source, {name}; give two different ones.")
        first[where] = role


def _check_divides(name: str, rows: int | None, classes: int) -> None:
    if rows is not None and rows % classes:
        near = rows - rows % classes
        choices = [str(n) for n in (near, near + classes) if n or name == "validation"]
        raise UsageError(f"{name} {rows} is not a multiple of the {classes} classes; use {' or '.join(choices)}.")
