"""Records of splits, and of what is left of them."""

from typing import Any, Self

from pydantic.dataclasses import dataclass

from tasks.records.folder import InFolder
from tasks.records.overlaps import Ruling
from tasks.storage.place import Place
from tasks.vocabulary import Role, SplitName

RAW = "raw"  # folder of drawn splits


@dataclass(frozen=True)
class Split:
    """Published Parquet files of one split, in row order."""

    name: SplitName
    files: tuple[str, ...]
    rows: int
    sha256: tuple[str, ...]

    @classmethod
    def of(cls, name: SplitName, folder: Place, facts: dict[str, Any], **more: Any) -> Self:
        """Return the record of a split that `tasks.storage.images.write_split` wrote; `more` are other fields."""
        files = tuple(f"{folder.name}/{file}" for file in facts["files"])
        return cls(name=name, files=files, rows=facts["rows"], sha256=tuple(facts["sha256"]), **more)

    def places(self, workspace: Place) -> list[Place]:
        """Return where its files lie."""
        return [workspace / file for file in self.files]


@dataclass(frozen=True)
class Drawn(Split):
    """A split as it was drawn, and where its rows come from."""

    numbers: str  # file that says so, see `tasks.splits.gather`
    drawn_from: tuple[Role, ...] = ()  # the sources, any if none is named


@dataclass(frozen=True)
class InGroups:
    """Groups by which splits were drawn, or by which random splits are judged."""

    groups: int
    largest: int
    unmatched: int
    purity: float | None  # of groups of twins against the user's own, as is their completeness
    completeness: float | None
    shared: int  # test rows with a row of their group in train or validation
    ruling: Ruling  # on all sources as one set: it says what a duplicate is
    folder: str

    table = InFolder("groups.parquet")  # one row per image of all sources: its split, its group and its fold


@dataclass(frozen=True)
class Splits:
    """The three splits of a run and their class names; `notes` says which sizes were chosen for the user."""

    classes: tuple[str, ...]
    train: Drawn
    validation: Drawn
    test: Drawn
    notes: tuple[str, ...] = ()
    in_groups: InGroups | None = None

    def __getitem__(self, name: SplitName) -> Drawn:
        split: Drawn = getattr(self, name)
        return split


@dataclass(frozen=True)
class Sanitized:
    """The splits that lost rows, and the lists of what was removed and of what is only alike."""

    folder: str
    splits: tuple[Split, ...]
    exact_left: dict[SplitName, int]  # rows left when only exact twins are removed
    near_left: dict[SplitName, int]
    groups: dict[str, int]
    sha256: str

    removed = InFolder("removed.parquet")  # one row per removed image, with its best twin
    unconfirmed = InFolder("unconfirmed.parquet")  # one row per image that stays and has a similar match
