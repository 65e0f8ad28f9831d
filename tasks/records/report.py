"""The report of a run: the content of report.json."""

from pathlib import Path  # noqa: TID251  # users open the files of a run themselves
from typing import Annotated, Any, NamedTuple, cast

from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter
from pydantic.dataclasses import dataclass

from tasks.records import rows as row
from tasks.records.effects import Conclusion, Confusion, Drawing, Effect, Mistake, Score
from tasks.records.inputs import ClassMembers, IgnoredKind, Input
from tasks.records.spec import CHANGES_NO_RESULT, AuditSpec, DedupeSpec, RunSpec, SplitSpec
from tasks.records.splits import ClassRows, RowsLeft
from tasks.records.states import SplitStates
from tasks.records.verdict import ChangedCopies, Judged, NearDuplicates, Verdict
from tasks.registration.views import VIEWS, View
from tasks.storage import Place
from tasks.vocabulary import EVALUATED, SET, SPLITS, UNLABELLED, Kind, SplitName, ViewName


def _kind_of(spec: Any) -> str:
    names = spec if isinstance(spec, dict) else spec.settings()
    if "source" in names:
        return "split" if "seed" in names else "dedupe"
    return "audit" if "root" in names else "run"


# Tagged, since by their fields an audit of the folders 2019 and 2020 could be a run with these numbers of rows.
AnySpec = Annotated[
    Annotated[RunSpec, Tag("run")]
    | Annotated[SplitSpec, Tag("split")]
    | Annotated[AuditSpec, Tag("audit")]
    | Annotated[DedupeSpec, Tag("dedupe")],
    Discriminator(_kind_of),
]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Report:
    """Everything that a run found; report.json has all fields but `run`.

    `run` is the folder of the run; in a bucket it is the address as a path, which does not open; see `where`. `spec`
    has the parameters that can change a result, with public names of sources. `kind` is how the images were read.
    `states` are the answer, test first; everything that tells it takes its numbers from there. `searched` are the kinds
    of changed copies that such a search finds, or misses.
    """

    run: Path
    spec: AnySpec
    kind: Kind
    inputs: tuple[Input, ...]
    classes: tuple[str, ...]
    rows: row.RowCounts
    states: tuple[SplitStates, ...]
    balance: tuple[ClassRows, ...]
    conservation: tuple[ClassMembers, ...]
    ignored: tuple[IgnoredKind, ...]
    overlap: tuple[row.PairOverlap, ...]
    overlap_by_threshold: tuple[row.ThresholdRows, ...]
    within: tuple[row.WithinSplit, ...]
    duplicates: tuple[row.SplitGroups, ...]
    label_conflicts: row.LabelConflicts
    font_leakage: tuple[row.PairFonts, ...]
    groups: row.DuplicateGroups
    near_duplicates: NearDuplicates
    verdict: Verdict
    sanitized: RowsLeft
    scores: tuple[Score, ...]
    effects: tuple[Effect, ...]
    conclusions: tuple[Conclusion, ...]
    drawing: Drawing | None
    confusion: tuple[Confusion, ...]
    mistakes: tuple[Mistake, ...]
    variants: tuple[row.VariantCount, ...]
    judged: Judged | None = None
    shared_groups: tuple[row.SharedRows, ...] = ()
    same_subject: tuple[row.SameSubject, ...] = ()
    searched: tuple[ChangedCopies, ...] = ()
    gates: tuple[row.Gate, ...] = ()

    @property
    def where(self) -> str:
        """The folder of the run, or its address in a bucket."""
        return str(Place.of(self.run))

    @property
    def view(self) -> View:
        """How the images were compared."""
        return VIEWS[cast(ViewName, self.spec.view)]  # settled before anything is compared

    @property
    def alone(self) -> bool:
        """Whether the run searched one set, which is all in train, and no overlap."""
        return isinstance(self.spec, DedupeSpec)

    @property
    def evaluated(self) -> tuple[SplitName, ...]:
        """The splits that models are scored on, test first: they have rows, or the user named them."""
        given = {entry.role for entry in self.inputs}
        return tuple(name for name in EVALUATED if self.rows[name] or name in given)

    @property
    def in_sets(self) -> bool:
        """Whether the class of an image is a set of any number of labels."""
        return any(name.startswith(SET) and (name == "{}" or ", " in name) for name in self.classes)

    @property
    def incomparable(self) -> tuple[row.WithinSplit, ...]:
        """The splits of the answer with images that cannot be compared."""
        own = ("train", *self.evaluated)
        return tuple(of for of in self.within if of.split in own and of.blank)

    @property
    def scored(self) -> SplitName:
        """The split that models are scored on: test, or validation without a test split."""
        return next((name for name in EVALUATED if self.rows[name]), "test")

    @property
    def first(self) -> SplitStates:
        """The images of the first sentence: of the first split with duplicates or undecided images."""
        return next((of for of in self.states if of.duplicates or of.undecided), self.states[0])

    @property
    def emptied(self) -> tuple[SplitName, ...]:
        """The splits that sanitizing leaves without a row."""
        return tuple(name for name in SPLITS if self.rows[name] and not self.sanitized.near[name])

    @property
    def ignored_share(self) -> float:
        """Share of the members that were ignored, as `ignored` counts them."""
        members = sum(row.members for row in self.conservation)
        return sum(kind.count for kind in self.ignored) / members if members else 0.0

    def pair(self, rows_of: SplitName, found_in: SplitName) -> row.PairOverlap:
        """Return the overlap of the rows of one split with another."""
        return next(row for row in self.overlap if (row.rows_of, row.found_in) == (rows_of, found_in))

    def labelled(self, name: SplitName) -> bool:
        """Whether any row of a split has a label."""
        return any(of.raw for of in self.balance if of.split == name and of.class_name != UNLABELLED)

    def fonts(self, rows_of: SplitName, found_in: SplitName) -> row.PairFonts:
        """Return the number of rows of one split whose font is also in another."""
        return next(row for row in self.font_leakage if (row.rows_of, row.found_in) == (rows_of, found_in))

    def within_split(self, name: SplitName) -> row.WithinSplit:
        """Return the redundancy inside a split."""
        return next(within for within in self.within if within.split == name)

    def duplicates_in(self, name: SplitName) -> row.SplitGroups:
        """Return the groups of duplicates inside a split."""
        return next(groups for groups in self.duplicates if groups.split == name)

    def raw_scores(self, evaluated_on: str = "test_raw") -> list[Score]:
        """Return the scores of models that were trained on raw rows of train."""
        return [score for score in self.scores if (score.arm, score.evaluated_on) == ("with_twins", evaluated_on)]

    def to_json(self) -> dict[str, Any]:
        """Return the content of report.json, which depends only on inputs, parameters and seed."""
        hidden: dict[str, Any] = {"run": True, "spec": set(CHANGES_NO_RESULT)}
        return TypeAdapter(Report).dump_python(self, mode="json", exclude=hidden)

    @staticmethod
    def of_json(run: Path, content: dict[str, Any]) -> "Report":
        """Return the report of the folder `run` from the result of `to_json`; raises `ValidationError`."""
        return TypeAdapter(Report).validate_python(content | {"run": run})


class Benchmarks(NamedTuple):
    """The audits of one train set against several test sets."""

    reports: tuple[Report, ...]
    where: str  # folder of their page and of the list of train images to remove
