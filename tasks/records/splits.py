"""Records of splits, of what they share, and of what is left of them."""

from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from tasks.records.places import Place
from tasks.spec import SplitName, Variant

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
PAIRS: tuple[tuple[SplitName, SplitName], ...] = (("train", "validation"), ("train", "test"), ("validation", "test"))
VARIANTS: tuple[Variant, ...] = ("mirrored", "shifted")
NUM_PERM = 128  # permutations of a signature of the ink; fixed, so that recall is stated for one thing
PHOTO_PERM = 672  # of a signature of the photo view, whose floor is lower


@dataclass(frozen=True)
class Split:
    """Published Parquet files of one split, in row order."""

    name: SplitName
    files: tuple[Place, ...]
    rows: int
    sha256: tuple[str, ...]

    @classmethod
    def of(cls, name: SplitName, folder: Path, facts: dict[str, Any]) -> "Split":
        """Return the record of a split written by `tasks.images.write_split`."""
        files = tuple(folder / file for file in facts["files"])
        return cls(name=name, files=files, rows=facts["rows"], sha256=tuple(facts["sha256"]))


@dataclass(frozen=True)
class Splits:
    """The three splits of a run and their class names; `notes` says which sizes were chosen for the user."""

    folder: Place
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: SplitName) -> Split:
        split: Split = getattr(self, name)
        return split


@dataclass(frozen=True)
class Direction:
    """Rows of one split that have a twin in another; near, cross_letter and conflicts at the threshold."""

    rows_of: SplitName
    found_in: SplitName
    rows: int
    exact: int
    near: int
    either: int
    distinct_exact: int
    cross_letter: int
    conflicts_exact: int
    conflicts_near: int
    same_font: int
    unknown_font: int
    by_percent: dict[int, int]  # rows with an exact or near twin, for every whole percent from floor to 100


@dataclass(frozen=True)
class Recall:
    """Recall measured by brute force on a sample of rows, at the floor."""

    sample_rows: int
    true_rows: int
    found_rows: int


@dataclass(frozen=True)
class VariantCount:
    """Rows of one split of which only a variant has a twin in another, at the threshold."""

    rows_of: SplitName
    found_in: SplitName
    variant: Variant
    rows: int


@dataclass(frozen=True)
class Overlap:
    """Twins between two splits: one table per direction (one row per image), and their counts."""

    first: SplitName
    second: SplitName
    folder: Place
    sha256: str
    directions: tuple[Direction, ...]
    bands: tuple[int, int] | None  # bands and rows per band; None for the exact join
    recall_at_floor: float
    recall: Recall | None
    variants: tuple[VariantCount, ...] = ()

    def table(self, rows_of: SplitName) -> Path:
        """Twins of the rows of one of the two splits in the other."""
        return self.folder / f"{rows_of}.parquet"


@dataclass(frozen=True)
class Within:
    """Redundancy inside one split."""

    split: SplitName
    rows: int
    distinct: int
    one_colour: int
    folder: Place


@dataclass(frozen=True)
class Sanitized:
    """The splits that lost rows, and the lists of what was removed and of label conflicts."""

    folder: Place
    splits: tuple[Split, ...]
    exact_left: dict[SplitName, int]  # rows left when exact twins alone go
    near_left: dict[SplitName, int]
    groups: dict[str, int]
    sha256: str

    @property
    def removed(self) -> Path:
        """One row per removed image, with its best twin."""
        return self.folder / "removed.parquet"

    @property
    def conflicts(self) -> Path:
        """One row per image that has a twin under another letter."""
        return self.folder / "label_conflicts.parquet"
