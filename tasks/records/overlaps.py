"""Records of what splits share, and of what hangs together inside one."""

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from pydantic.dataclasses import dataclass

from tasks.records.rows import MeasuredRecall, SplitGroups, VariantCount
from tasks.vocabulary import SplitName

PRINTS, SAMPLE = "prints.parquet", "sample.parquet"  # files of `Prints`


@dataclass(frozen=True)
class Prints:
    """Fingerprints of a split's rows, in their order; see `tasks.overlap.prints`.

    `sha256` are the digests of the split's files, `of` those of the tables that its rows were looked up in, and of
    photographs `copies` the files with gray copies that belong to these tables. `length` is that of the bits.
    """

    split: SplitName
    rows: int
    length: int
    folder: str
    sha256: tuple[str, ...]
    of: tuple[str, ...]
    copies: tuple[str, ...]

    @property
    def table(self) -> str:
        """One row per row of the split."""
        return f"{self.folder}/{PRINTS}"

    @property
    def sample(self) -> str:
        """The bits of a few hundred of its rows."""
        return f"{self.folder}/{SAMPLE}"


@dataclass(frozen=True)
class Tile:
    """What a slice of a split shares with one of another or of itself; see `tasks.overlap.tiles`."""

    folder: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Alike:
    """Which rows of a split are equal, and how many images there are to compare; see `tasks.overlap.within`."""

    folder: str
    images: int


@dataclass(frozen=True)
class Joined:
    """Best matches between two splits, one table per direction, before anything is called a near twin.

    `facts` are those of `tasks.overlap.join.write_twins`.
    """

    first: SplitName
    second: SplitName
    folder: str
    sha256: str
    bands: tuple[int, int] | None  # bands and rows per band of MinHash, where it was asked
    facts: dict[str, Any]

    def table(self, rows_of: SplitName) -> str:
        """Best matches of the rows of one of the two splits in the other."""
        return f"{self.folder}/{rows_of}.parquet"


Pair = TypeVar("Pair", "Joined", "Overlap")


def between(found: Iterable[Pair], one: SplitName, other: SplitName) -> Pair:
    """Return what was found between two splits, in whichever order they were joined."""
    return next(pair for pair in found if {pair.first, pair.second} == {one, other})


@dataclass(frozen=True)
class Decided:
    """What people decided about pairs of images: how many are the same picture, and how many are different."""

    folder: str
    sha256: str
    same: int
    different: int

    @property
    def table(self) -> str:
        """See `tasks.storage.decisions`."""
        return f"{self.folder}/decisions.parquet"


@dataclass(frozen=True)
class Baseline:
    """How similar images are that are no leak; see `tasks.overlap.baseline`."""

    folder: str
    sha256: str


@dataclass(frozen=True)
class Direction:
    """Rows of one split that have a twin in another; near, cross_class and conflicts at the threshold."""

    rows_of: SplitName
    found_in: SplitName
    rows: int
    exact: int
    near: int
    either: int
    distinct_exact: int
    cross_class: int
    conflicts_exact: int
    conflicts_near: int
    same_font: int
    unknown_font: int
    by_percent: dict[int, int]  # rows with an exact or near twin, for every whole percent from floor to 100


@dataclass(frozen=True)
class Overlap:
    """Twins between two splits: one table per direction (one row per image), and their counts."""

    first: SplitName
    second: SplitName
    folder: str
    sha256: str
    percent: int  # similarity from which rows are near twins
    directions: tuple[Direction, ...]
    method: Literal["all pairs", "minhash"]
    bands: tuple[int, int] | None  # bands and rows per band of MinHash, where it was asked
    recall_at_floor: float  # that MinHash states
    recall: MeasuredRecall | None  # of MinHash
    contradicted: bool  # whether it is lower than stated, beyond chance
    variants: tuple[VariantCount, ...] = ()

    def table(self, rows_of: SplitName) -> str:
        """Twins of the rows of one of the two splits in the other."""
        return f"{self.folder}/{rows_of}.parquet"

    @property
    def variants_table(self) -> str:
        """Rows of the second split that have a near twin in another form; exists only if variants were searched for."""
        return f"{self.folder}/variants.parquet"


@dataclass(frozen=True)
class Within:
    """Redundancy inside one split."""

    split: SplitName
    rows: int
    distinct: int
    one_colour: int
    blank: int  # no bit of the view set, or all
    folder: str


@dataclass(frozen=True)
class Linked:
    """Which images of a split hang together, whatever the threshold; without a method it was not searched.

    `short_side` is the median of the shorter sides of photographs, in pixels.
    """

    split: SplitName
    folder: str
    sha256: str
    method: Literal["all pairs", "minhash"] | None
    short_side: int | None


@dataclass(frozen=True)
class SplitDuplicates:
    """Groups of images inside a split, and the folder of their table; without one, the split was not searched."""

    counts: SplitGroups
    folder: str | None

    @property
    def table(self) -> str:
        """One row per image of a group."""
        return f"{self.folder}/duplicates.parquet"

    @property
    def unconfirmed(self) -> str:
        """One row per image whose best match is similar and no twin."""
        return f"{self.folder}/unconfirmed.parquet"
