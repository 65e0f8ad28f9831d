"""The rows of a report: what its tables hold. The form in which a number is shown is part of its type."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tasks.vocabulary import Role, SplitName, Variant

Form = Literal["count", "share", "accuracy", "points", "size", "similarity", "probability", "moment", "limit"]


def shown(form: Form, least: float | None = None, most: float | None = None) -> Any:
    """Mark a number with the form in which people see it, and its bounds."""
    return Field(ge=least, le=most, json_schema_extra={"form": form})


Count = Annotated[int, shown("count", 0)]
Similarity = Annotated[float, shown("similarity", 0, 1)]
Probability = Annotated[float, shown("probability", 0, 1)]
Moment = Annotated[float | None, shown("moment")]
Accuracy = Annotated[float | None, shown("accuracy", 0, 1)]
Points = Annotated[float | None, shown("points", -200, 200)]
Share = Annotated[float | None, shown("share", 0, 1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=STRICT)
class Input:
    """A source."""

    role: Role
    name: str
    sha256: Sha256
    bytes: Count


@dataclass(frozen=True, config=STRICT)
class SplitRows:
    """Rows of each split."""

    train: Count
    validation: Count
    test: Count

    def __getitem__(self, split: SplitName) -> int:
        rows: int = getattr(self, split)
        return rows


@dataclass(frozen=True, config=STRICT)
class ClassRows:
    """Rows of a class of a split, before and after sanitizing; null where the split kept all its rows."""

    split: SplitName
    class_name: str
    raw: Count
    sanitized: Annotated[int | None, shown("count")]


@dataclass(frozen=True, config=STRICT)
class ClassMembers:
    """What became of the members of a class of a source; its name is null outside the class folders."""

    role: Role
    class_name: str | None
    members: Count
    accepted: Count
    quarantined: Count
    ignored: Count
    mislabelled: Count  # accepted, but of another format than the name says
    remarked: Count  # accepted, but the decoder complained: remarks.parquet says of what
    mean: Moment  # of the normalized pixels
    std: Moment


@dataclass(frozen=True, config=STRICT)
class IgnoredKind:
    """Members that were ignored because of the ending of their names, which is none where a name has none."""

    ending: str
    count: Count


@dataclass(frozen=True, config=STRICT)
class PairOverlap:
    """Rows of one split with a twin in another: identical, or near at the threshold and without an identical one."""

    rows_of: SplitName
    found_in: SplitName
    rows: Count
    exact: Count
    near: Count
    either: Count
    undecided: Count  # without a duplicate, and with a similar match that can't be told from a look-alike
    distinct_exact: Count  # distinct images that both have
    cross_class: Count  # rows with a twin of another class


@dataclass(frozen=True, config=STRICT)
class ThresholdRows:
    """Rows of one split with a twin in another, at another threshold: of photographs, one of their agreement."""

    rows_of: SplitName
    found_in: SplitName
    jaccard: Similarity
    rows: Count


@dataclass(frozen=True, config=STRICT)
class WithinSplit:
    """Redundancy inside one split, and images whose bits say nothing: none is set, or all are."""

    split: SplitName
    rows: Count
    distinct: Count
    one_colour: Count
    blank: Count


@dataclass(frozen=True, config=STRICT)
class SplitGroups:
    """Groups of images inside one split that show the same, at the threshold; all 0 where it was not searched.

    `grouped` are the images of all groups. Of these, some go: `exact` are identical to the one that stays instead,
    `near` are its near-duplicates. `chains` are groups in which several images of one label stay, before any is cut;
    `conflicts` have duplicates with different labels, and `held` stay for their label alone. `undecided` are images in
    no group whose best match is similar, and of which nobody can tell whether it shows the same.
    """

    split: SplitName
    rows: Count
    method: Literal["all pairs", "minhash"] | None  # how it was searched, if it was
    groups: Count = 0
    grouped: Count = 0
    exact: Count = 0
    near: Count = 0
    largest: Count = 0
    chains: Count = 0
    conflicts: Count = 0
    held: Count = 0
    undecided: Count = 0


@dataclass(frozen=True, config=STRICT)
class LabelConflicts:
    """Pairs of duplicates with different labels, and those of which nobody said yet which label is right."""

    pairs: Count
    open: Count


@dataclass(frozen=True, config=STRICT)
class PairFonts:
    """Rows of one split whose font also occurs in another, and those whose name tells no font."""

    rows_of: SplitName
    found_in: SplitName
    rows: Count
    unknown: Count


@dataclass(frozen=True, config=STRICT)
class Groups:
    """Groups of a row that stays and the removed rows whose best twin it is."""

    count: Count
    rows: Count
    largest: Count


@dataclass(frozen=True, config=STRICT)
class MeasuredRecall:
    """Images that MinHash was asked about; those with a near-duplicate; and those whose best one it names.

    The interval is that of the recall at the floor, where only a sample was searched in full.
    """

    rows: Count
    true_at_floor: Count
    found_at_floor: Count
    true_at_threshold: Count
    found_at_threshold: Count
    low: Annotated[float | None, shown("probability", 0, 1)]
    high: Annotated[float | None, shown("probability", 0, 1)]


@dataclass(frozen=True, config=STRICT)
class NearDuplicates:
    """How near-duplicates were searched; without a threshold, only identical images are twins.

    `num_perm`, `bands` and `rows_per_band` are those of MinHash, null where it was not asked; `contradicted` says that
    its measured recall is lower than the stated one, beyond chance.
    """

    threshold: Annotated[float | None, shown("similarity", 0, 1)]
    floor: Similarity
    method: Literal["all pairs", "minhash"]
    num_perm: int | None
    bands: int | None
    rows_per_band: int | None
    recall_at_floor: Probability
    recall_measured: MeasuredRecall | None
    contradicted: bool


@dataclass(frozen=True, config=STRICT)
class RowsLeft:
    """Rows of each split when exact twins go, and when exact and near twins go."""

    exact: SplitRows
    near: SplitRows


@dataclass(frozen=True, config=STRICT)
class Gate:
    """A limit that was set, the value found, and whether the limit held.

    There is no value where nothing could be measured. `most` counts undecided rows as duplicates, where there are any.
    """

    name: str
    limit: Annotated[int | float, shown("limit", 0)]
    value: Annotated[int | float | None, shown("limit", 0)]
    passed: bool
    most: Annotated[float | None, shown("limit", 0)] = None


@dataclass(frozen=True, config=STRICT)
class VariantCount:
    """Rows of one split that have a twin in another only as a variant, at the threshold."""

    rows_of: SplitName
    found_in: SplitName
    variant: Variant
    rows: Count


def form_of(row: Any, name: str) -> Form:
    """Return the form in which a number of a record is shown."""
    field = next(field for field in fields(row) if field.name == name)
    marks = [mark for mark in getattr(field.type, "__metadata__", ()) if hasattr(mark, "json_schema_extra")]
    form: Form = marks[0].json_schema_extra["form"]
    return form
