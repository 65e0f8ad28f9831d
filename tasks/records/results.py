"""Records of trained models, and of all that a run found."""

from dataclasses import replace
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from tasks.records.effects import Conclusion, Confusion, Effect, Mistake, Score
from tasks.records.inputs import Archive, Fingerprints, Reading, Shard
from tasks.records.overlaps import Decided, Overlap, SplitDuplicates, Within
from tasks.records.report import AnySpec
from tasks.records.splits import Sanitized, Splits
from tasks.records.verdict import Verdict
from tasks.vocabulary import SPLITS, Arm, ModelName, SplitName, Unmeasured


@dataclass(frozen=True)
class Compared:
    """What is compared: the rows that both arms can have, and where it lies which test rows show one picture."""

    folder: str
    usable: int
    reason: Unmeasured | None  # why nothing is compared, and all of train is usable

    def groups(self, split: SplitName) -> str:
        """Table of the group of each row of a split, and whether it has a twin in train."""
        return f"{self.folder}/{split}.parquet"


@dataclass(frozen=True)
class Training:
    """What one model is trained on: how many rows of which arm, and with which seed."""

    model: ModelName
    rows: int
    seed: int
    arm: Arm


@dataclass(frozen=True)
class Batch:
    """Trainings of one model on equally many rows, which one task makes."""

    trainings: tuple[Training, ...]

    def __str__(self) -> str:
        first, times = self.trainings[0], len(self.trainings)
        if times == 1 and first.arm == "with_twins":
            return f"{first.model} on {first.rows:,} rows"
        arms = " and ".join(dict.fromkeys(training.arm.partition("_")[0] for training in self.trainings))
        return f"{first.model} on {first.rows:,} rows {arms} twins" + (f", {times} times" if times > 1 else "")


@dataclass(frozen=True)
class Evaluation:
    """What one trained model scored, and where its predictions lie."""

    training: Training
    folder: str
    scores: tuple[Score, ...]

    def predictions(self, split: SplitName) -> str:
        """Table of the predictions for the rows of a split, in their order."""
        return f"{self.folder}/{split}.parquet"


@dataclass(frozen=True)
class Trained:
    """All trained models, how their arms compare, and what those on the most rows answered."""

    evaluations: tuple[Evaluation, ...] = ()
    effects: tuple[Effect, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    folder: str | None = None  # as is what was compared, when nothing was trained
    compared: Compared | None = None

    @property
    def scores(self) -> list[Score]:
        """Scores of all trainings."""
        return [score for evaluation in self.evaluations for score in evaluation.scores]

    @property
    def folders(self) -> list[str]:
        """Everything in the workspace that it was made of."""
        shared = [self.folder, self.compared and self.compared.folder]
        return [name for name in shared if name] + [evaluation.folder for evaluation in self.evaluations]


class LoadedSources(NamedTuple):
    """Sources as shards, how they were read, and what people decided about their images."""

    reading: Reading
    archives: tuple[Archive, ...]
    shards: tuple[Shard, ...]
    fingerprints: tuple[Fingerprints, ...]
    decided: Decided | None


@dataclass(frozen=True)
class RandomDraw:
    """What drawing at random, at the sizes of grouped splits, leaks and claims."""

    splits: Splits
    overlaps: tuple[Overlap, ...]
    sanitized: Sanitized
    trained: Trained = Trained()


@dataclass(frozen=True)
class Findings:
    """Everything that the stages of a run returned."""

    spec: AnySpec
    reading: Reading
    archives: tuple[Archive, ...]
    shards: tuple[Shard, ...]
    fingerprints: tuple[Fingerprints, ...]
    decided: Decided | None
    splits: Splits
    overlaps: tuple[Overlap, ...]
    within: tuple[Within, ...]
    duplicates: tuple[SplitDuplicates, ...]
    sanitized: Sanitized
    verdict: Verdict
    trained: Trained = Trained()
    random: RandomDraw | None = None

    @property
    def photographs(self) -> list[str]:
        """Tables of what gray copies do not tell of photographs; none of glyphs."""
        return [shard.photographs for shard in self.shards] if self.reading.kind == "photographs" else []

    @property
    def names(self) -> list[str]:
        """Name of everything in the workspace that the run was made of."""
        names = [archive.index for archive in self.archives]
        names += [archive.location for archive in self.archives if not archive.location.startswith("/")]
        names += [found.folder for found in self.duplicates if found.folder]
        names += [self.decided.folder] if self.decided else []
        for drawn in (self, self.random) if self.random else (self,):  # `evaluate` trains on both again
            names += [file for name in SPLITS for file in drawn.splits[name].files]
            names += [drawn.sanitized.folder, *drawn.trained.folders, *(one.folder for one in drawn.overlaps)]
        for records in (self.shards, self.fingerprints, self.within):
            names += [record.folder for record in records]
        return names

    def to_json(self) -> dict[str, Any]:
        """Return the records as JSON values, without the workspace, which may be moved."""
        without = replace(self, spec=replace(self.spec, workspace=None))
        content: dict[str, Any] = TypeAdapter(Findings).dump_python(without, mode="json")
        return content

    @staticmethod
    def of_json(content: dict[str, Any]) -> "Findings":
        """Return the records from what `to_json` gave; raises `ValidationError`."""
        return TypeAdapter(Findings).validate_python(content)
