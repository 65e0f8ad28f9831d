"""The rows of a report's tables; the type of a number includes the form in which people see it."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from tasks.vocabulary import Method, SplitName, Variant

Form = Literal["count", "share", "accuracy", "points", "size", "similarity", "probability", "moment", "limit"]


def shown(form: Form, least: float | None = None, most: float | None = None) -> Any:
    """Mark a number with its display form and its bounds."""
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
class RowCounts:
    """Rows of each split."""

    train: Count
    validation: Count
    test: Count

    def __getitem__(self, split: SplitName) -> int:
        return getattr(self, split)


@dataclass(frozen=True, config=STRICT)
class Directed:
    """Something about the rows of one split, found in another."""

    rows_of: SplitName
    found_in: SplitName


@dataclass(frozen=True, config=STRICT)
class PairOverlap(Directed):
    """Rows of one split with a duplicate in another: exact, or else near at the threshold."""

    rows: Count
    exact: Count
    near: Count
    either: Count
    undecided: Count  # without a duplicate, but with a similar image that may be a look-alike
    blank: Count  # other rows whose bits are all equal, so they cannot be compared
    distinct_exact: Count  # distinct images in both
    cross_class: Count  # rows with a duplicate of another class


@dataclass(frozen=True, config=STRICT)
class SameSubject(Directed):
    """Pairs of two splits whose embeddings are closer than `cosine`, but which pixels do not confirm.

    `sha256` is the digest of all close pairs.
    """

    pairs: Count
    cosine: Annotated[float, shown("similarity", -1)]
    sha256: Sha256


@dataclass(frozen=True, config=STRICT)
class SharedRows(Directed):
    """Rows of one split that share a group of the user with another; `duplicates` also have a duplicate there.

    `undecided` rows share no known group, but they or rows of the other split have no group.
    """

    rows: Count
    shared: Count
    duplicates: Count
    undecided: Count


@dataclass(frozen=True, config=STRICT)
class ThresholdRows(Directed):
    """Rows of one split with a duplicate in another at another threshold, which for photographs is an agreement."""

    jaccard: Similarity
    rows: Count


@dataclass(frozen=True, config=STRICT)
class WithinSplit:
    """Redundancy inside one split; `blank` images have all bits equal, so they cannot be compared."""

    split: SplitName
    rows: Count
    distinct: Count
    one_colour: Count
    blank: Count


@dataclass(frozen=True, config=STRICT)
class SplitGroups:
    """Groups of duplicates inside one split at the threshold; all counts are 0 if it was not searched.

    `grouped` is the number of images in all groups. Of these, `exact` are removed as identical to an image that stays,
    and `near` as its near-duplicates. `chains` are groups in which several images of one label stay, before any is cut;
    `conflicts` have duplicates with different labels, and `held` images stay only because of their label. `undecided`
    images are outside all groups, and their most similar image is either a duplicate or a look-alike. `blank`
    images stay, are neither held nor undecided, and have all bits equal, so they cannot be compared.
    """

    split: SplitName
    rows: Count
    method: Method | None  # of the search, if any
    groups: Count = 0
    grouped: Count = 0
    exact: Count = 0
    near: Count = 0
    largest: Count = 0
    chains: Count = 0
    conflicts: Count = 0
    held: Count = 0
    undecided: Count = 0
    blank: Count = 0


@dataclass(frozen=True, config=STRICT)
class LabelConflicts:
    """Images with a duplicate of another label; open ones to decide, and images with a wrong label."""

    images: Count
    open: Count
    wrong: Count = 0


@dataclass(frozen=True, config=STRICT)
class PairFonts(Directed):
    """Rows of one split whose font is also in another, and rows whose font is unknown."""

    rows: Count
    unknown: Count


@dataclass(frozen=True, config=STRICT)
class DuplicateGroups:
    """Groups of a row that stays and the removed rows whose best duplicate it is."""

    count: Count
    rows: Count
    largest: Count


@dataclass(frozen=True, config=STRICT)
class MeasuredRecall:
    """Images that MinHash searched, the images with a near-duplicate, and the images whose best one it found.

    The interval is for the recall at the floor, if only a sample was searched exhaustively.
    """

    rows: Count
    true_at_floor: Count
    found_at_floor: Count
    true_at_threshold: Count
    found_at_threshold: Count
    low: Annotated[float | None, shown("probability", 0, 1)]
    high: Annotated[float | None, shown("probability", 0, 1)]


@dataclass(frozen=True, config=STRICT)
class Gate:
    """A limit of the user, the measured value, and whether the limit held.

    The value is null if nothing could be measured. `most` counts undecided rows as duplicates, if there are any.
    """

    name: str
    limit: Annotated[int | float, shown("limit", 0)]
    value: Annotated[int | float | None, shown("limit", 0)]
    passed: bool
    most: Annotated[float | None, shown("limit", 0)] = None


@dataclass(frozen=True, config=STRICT)
class VariantCount(Directed):
    """Rows of one split that have a duplicate in another only as a variant, at the threshold."""

    variant: Variant
    rows: Count


def form_of(row: Any, name: str) -> Form:
    """Return the form in which people see a number of a record."""
    field = next(field for field in fields(row) if field.name == name)
    marks = [mark for mark in getattr(field.type, "__metadata__", ()) if hasattr(mark, "json_schema_extra")]
    return marks[0].json_schema_extra["form"]
