"""Records of trained models, and of all findings of a run."""

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from tasks.records.effects import Conclusion, Confusion, Effect, Mistake, Score
from tasks.records.inputs import Archive, Fingerprints, InFolder, Reading, Shard
from tasks.records.overlaps import Decided, Overlap, SplitDuplicates
from tasks.records.report import AnySpec
from tasks.records.rows import WithinSplit
from tasks.records.splits import Sanitized, SharedGroups, Splits
from tasks.records.verdict import Verdict
from tasks.storage.place import IN_BUCKET
from tasks.vocabulary import SPLITS, Arm, ModelName, SplitName, Unmeasured


@dataclass(frozen=True)
class Compared:
    """The inputs of a comparison: the number of rows that both arms can use, and the groups of test rows."""

    folder: str
    usable: int
    reason: Unmeasured | None  # why nothing is compared; all of train is then usable

    def groups(self, split: SplitName) -> str:
        """Return the table with the group of each row of a split, and whether it has a duplicate in train."""
        return f"{self.folder}/{split}.parquet"


@dataclass(frozen=True)
class Training:
    """The input of one training: model, number of rows, arm and seed."""

    model: ModelName
    rows: int
    seed: int
    arm: Arm


@dataclass(frozen=True)
class Batch:
    """Trainings of one model on equally many rows, for one task."""

    trainings: tuple[Training, ...]

    def __str__(self) -> str:
        first, times = self.trainings[0], len(self.trainings)
        if times == 1 and first.arm == "with_twins":
            return f"{first.model} on {first.rows:,} rows"
        arms = " and ".join(dict.fromkeys(training.arm.partition("_")[0] for training in self.trainings))
        return f"{first.model} on {first.rows:,} rows {arms} duplicates" + (f", {times} times" if times > 1 else "")


@dataclass(frozen=True)
class Evaluation:
    """The scores of one trained model, and the folders of its predictions for each scored split and of its scores."""

    training: Training
    folder: str
    scores: tuple[Score, ...]
    scored: str

    predictions = InFolder("test.parquet")  # one row per row of test, in their order


@dataclass(frozen=True)
class Trained:
    """All trained models, the comparisons of their arms, and the answers of those trained on the most rows."""

    evaluations: tuple[Evaluation, ...] = ()
    effects: tuple[Effect, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    folder: str | None = None  # None if nothing was trained, like the next field
    compared: Compared | None = None

    @property
    def scores(self) -> list[Score]:
        """Scores of all trainings."""
        return [score for evaluation in self.evaluations for score in evaluation.scores]

    @property
    def folders(self) -> list[str]:
        """Names below the workspace of everything that it was made from."""
        shared = [self.folder, self.compared and self.compared.folder]
        return [name for name in shared if name] + [name for of in self.evaluations for name in (of.folder, of.scored)]


@dataclass(frozen=True)
class LoadedSources:
    """Sources as shards, how they were read, and decisions of people about their images."""

    reading: Reading
    archives: tuple[Archive, ...]
    shards: tuple[Shard, ...]
    fingerprints: tuple[Fingerprints, ...]
    decided: Decided | None


@dataclass(frozen=True)
class Measured:
    """Splits with their overlaps, the sanitized splits, and the models trained on them."""

    splits: Splits
    overlaps: tuple[Overlap, ...]
    sanitized: Sanitized
    trained: Trained = Trained()


@dataclass(frozen=True, kw_only=True)
class Findings(Measured, LoadedSources):
    """The results of all stages of a run."""

    spec: AnySpec
    within: tuple[WithinSplit, ...]
    duplicates: tuple[SplitDuplicates, ...]
    verdict: Verdict
    shared: SharedGroups | None = None
    random: Measured | None = None  # a random draw with the sizes of the grouped splits
    searched: tuple[str, ...] = ()  # names below the workspace, which the next run of the same images takes again

    @property
    def photographs(self) -> list[str]:
        """Tables of facts about photographs that their gray copies lack; empty for glyphs."""
        return [shard.photographs for shard in self.shards] if self.reading.kind == "photographs" else []

    @property
    def names(self) -> list[str]:
        """Names below the workspace of everything that the run was made from."""
        names = [archive.index for archive in self.archives]
        names += [each.location for each in self.archives if not each.location.startswith(("/", IN_BUCKET))]
        names += [found.folder for found in self.duplicates if found.folder]
        names += [*self.searched, *(found.folder for found in (self.decided, self.shared) if found)]
        for drawn in (self, self.random) if self.random else (self,):  # `evaluate` trains on both again
            names += [file for name in SPLITS for file in drawn.splits[name].files]
            names += [drawn.sanitized.folder, *drawn.trained.folders, *(one.folder for one in drawn.overlaps)]
        return names + [one.folder for one in self.shards] + [one.folder for one in self.fingerprints]

    def to_json(self) -> dict[str, Any]:
        """Return the records as JSON values, without the workspace, which may be moved."""
        return TypeAdapter(Findings).dump_python(replace(self, spec=replace(self.spec, workspace=None)), mode="json")

    @staticmethod
    def of_json(content: dict[str, Any]) -> "Findings":
        """Return the records from the result of `to_json`; raises `ValidationError`."""
        return TypeAdapter(Findings).validate_python(content)
