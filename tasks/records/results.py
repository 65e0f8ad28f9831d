"""Records of trained models, of all that a run found, and its report."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Tag
from pydantic.dataclasses import dataclass

from tasks.records.inputs import Archive, Fingerprints, LetterShard
from tasks.records.places import Place
from tasks.records.splits import Overlap, Sanitized, Splits, Within
from tasks.spec import AuditSpec, Control, ModelName, RunSpec

CONTROLS: tuple[Control, ...] = ("none", "without_twins", "without_random")


@dataclass(frozen=True)
class Score:
    """Accuracy of one model on one set of rows, with a 95 % Wilson interval; null when there are no rows."""

    model: ModelName
    train_rows: int
    seed: int
    control: Control
    evaluated_on: str
    n: int
    accuracy: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Effect:
    """A difference between two accuracies in percentage points, with a 95 % bootstrap interval."""

    model: ModelName
    train_rows: int
    comparison: str
    points: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Training:
    """What one model is trained on: how many rows of which arm, and with which seed."""

    model: ModelName
    rows: int
    seed: int
    control: Control


@dataclass(frozen=True)
class Evaluation:
    """What one trained model scored, and where its predictions lie."""

    training: Training
    predictions: Place
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Confusion:
    """What a model answered on raw test rows: one row of counts per true class, one column per answer."""

    model: ModelName
    train_rows: int
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Mistake:
    """A test row that a model got wrong with much confidence: often its label is wrong."""

    model: ModelName
    train_rows: int
    id: str
    letter: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class Trained:
    """All trained models, how their arms compare, and what those on the most rows answered.

    `folder` is None when nothing was trained.
    """

    evaluations: tuple[Evaluation, ...] = ()
    effects: tuple[Effect, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    folder: Place | None = None


def _kind(spec: Any) -> str:
    return "run" if isinstance(spec, RunSpec) or (isinstance(spec, dict) and "dataset" in spec) else "audit"


# By their fields alone, an audit of the folders 2019 and 2020 could be a run of so many rows.
AnySpec = Annotated[Annotated[RunSpec, Tag("run")] | Annotated[AuditSpec, Tag("audit")], Discriminator(_kind)]


@dataclass(frozen=True)
class Findings:
    """Everything that the stages of a run returned."""

    spec: AnySpec
    archives: tuple[Archive, ...]
    shards: tuple[LetterShard, ...]
    fingerprints: tuple[Fingerprints, ...]
    splits: Splits
    overlaps: tuple[Overlap, ...]
    within: tuple[Within, ...]
    sanitized: Sanitized
    trained: Trained = Trained()

    @property
    def pictures(self) -> list[Path]:
        """Tables of what gray copies do not tell; none of glyphs."""
        return [shard.pictures for shard in self.shards if shard.pictures]

    @property
    def folders(self) -> list[Path]:
        """Every place in which something lies that the run was made of."""
        places = [self.splits.folder, self.sanitized.folder, *filter(None, [self.trained.folder])]
        places += [path for archive in self.archives for path in (archive.path, archive.index)]
        places += [shard.path for shard in self.shards] + [prints.path for prints in self.fingerprints]
        places += [overlap.folder for overlap in self.overlaps] + [within.folder for within in self.within]
        return places + [evaluation.predictions for evaluation in self.trained.evaluations]


@dataclass(frozen=True)
class Report:
    """Everything a run found; its fields are the keys of report.json, whose schema describes them."""

    run: Path
    spec: dict[str, Any]
    inputs: list[dict[str, Any]]
    classes: list[str]
    rows: dict[str, int]
    balance: list[dict[str, Any]]
    conservation: list[dict[str, Any]]
    overlap: list[dict[str, Any]]
    overlap_by_threshold: list[dict[str, Any]]
    within: list[dict[str, Any]]
    label_conflicts: list[dict[str, Any]]
    font_leakage: list[dict[str, Any]]
    groups: dict[str, Any]
    near_duplicates: dict[str, Any]
    sanitized: dict[str, dict[str, int]]
    scores: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    confusion: list[dict[str, Any]]
    mistakes: list[dict[str, Any]]
    gates: list[dict[str, Any]]
    variants: list[dict[str, Any]] = field(default_factory=list)
