"""Records of splits and of their sanitized versions, and the rows of a report about their sizes."""

from typing import Annotated, Any, Self

from pydantic.dataclasses import dataclass

from tasks.records.inputs import InFolder
from tasks.records.overlaps import Ruling
from tasks.records.rows import STRICT, Count, RowCounts, SharedRows, shown
from tasks.storage import Place
from tasks.vocabulary import Role, SplitName

RAW = "raw"  # folder of unsanitized splits
GROUPS, SHARED = "groups.parquet", "shared_groups.parquet"


@dataclass(frozen=True)
class Split:
    """Published Parquet files of one split, in row order."""

    name: SplitName
    files: tuple[str, ...]
    rows: int
    sha256: tuple[str, ...]

    @classmethod
    def of(cls, name: SplitName, folder: Place, facts: dict[str, Any], **more: Any) -> Self:
        """Return the record of a split from the facts of `tasks.storage.images.write_split` and `more` fields."""
        files = tuple(f"{folder.name}/{file}" for file in facts["files"])
        return cls(name=name, files=files, rows=facts["rows"], sha256=tuple(facts["sha256"]), **more)

    def places(self, workspace: Place) -> list[Place]:
        """Return the places of its files."""
        return [workspace / file for file in self.files]


@dataclass(frozen=True)
class Drawn(Split):
    """A split as drawn, and the origin of its rows."""

    numbers: str  # file with the origin of each row, see `tasks.splits.draw`
    drawn_from: tuple[Role, ...] = ()  # its sources; all if empty


@dataclass(frozen=True)
class InGroups:
    """Groups that splits were drawn by, or that random splits are judged by."""

    groups: int
    largest: int
    unmatched: int
    purity: float | None  # of groups of duplicates against the user's groups, like completeness
    completeness: float | None
    shared: int  # test rows with a row of their group in train or validation
    ruling: Ruling  # about duplicates in all sources as one set
    folder: str

    table = InFolder(GROUPS)  # one row per image of all sources: its split, its group and its fold


@dataclass(frozen=True)
class Splits:
    """The three splits of a run and their class names; `notes` tell the user which sizes were chosen."""

    classes: tuple[str, ...]
    train: Drawn
    validation: Drawn
    test: Drawn
    notes: tuple[str, ...] = ()
    in_groups: InGroups | None = None

    def __getitem__(self, name: SplitName) -> Drawn:
        return getattr(self, name)


@dataclass(frozen=True)
class Sanitized:
    """The splits that lost rows, and the tables of removed and of undecided rows."""

    folder: str
    splits: tuple[Split, ...]
    exact_left: dict[SplitName, int]  # rows left if only exact duplicates are removed
    groups: dict[str, int]
    sha256: str

    removed = InFolder("removed.parquet")  # one row per removed image, with its best duplicate
    unconfirmed = InFolder("unconfirmed.parquet")  # one row per image that stays despite a similar image


@dataclass(frozen=True)
class SharedGroups:
    """Rows that share a group of the user with an earlier split, and their counts."""

    folder: str
    pairs: tuple[SharedRows, ...]

    table = InFolder(SHARED)  # see `tasks.splits.group_names`


@dataclass(frozen=True, config=STRICT)
class ClassRows:
    """Rows of a class of a split, before and after sanitizing; null where the split kept all its rows."""

    split: SplitName
    class_name: str
    raw: Count
    sanitized: Annotated[int | None, shown("count")]


@dataclass(frozen=True, config=STRICT)
class RowsLeft:
    """Rows of each split without exact duplicates, and without exact and near duplicates."""

    exact: RowCounts
    near: RowCounts
