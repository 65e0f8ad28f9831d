"""Records of what splits share, and of what hangs together inside one."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from tasks.records.folder import InFolder
from tasks.records.rows import MeasuredRecall, PairOverlap, SplitGroups, VariantCount, WithinSplit
from tasks.records.verdict import Verdict
from tasks.vocabulary import SplitName

Method = Literal["all pairs", "minhash"]
BASELINE, CHAINED = "baseline.parquet", "chained.parquet"
PRINTS, IMAGES, OF_ROW, SAMPLE = "prints.parquet", "images.parquet", "of-row.parquet", "sample.parquet"


@dataclass(frozen=True)
class Prints:
    """Fingerprints of a split's rows, and its distinct images; see `tasks.overlap.prints`."""

    split: SplitName
    rows: int
    images: int
    length: int  # bits of an image
    blank: int  # rows with no bit set, or all
    short_side: int | None  # of photographs, the median in pixels
    folder: str
    sha256: tuple[str, ...]  # of the split's files
    of: tuple[str, ...]  # digests of the tables that its rows were looked up in
    copies: tuple[str, ...]  # of photographs, the files with gray copies that belong to these tables

    table = InFolder(PRINTS)  # one row per row of the split
    images_table = InFolder(IMAGES)  # one row per distinct image
    of_row = InFolder(OF_ROW)  # number of the image of each row
    sample = InFolder(SAMPLE)  # the bits of a few hundred of its images


@dataclass(frozen=True)
class SplitPair:
    """Two splits that are compared, or one with itself."""

    first: Prints
    second: Prints

    @property
    def within(self) -> bool:
        """Whether a split is compared with itself."""
        return self.first.split == self.second.split

    def __str__(self) -> str:
        return f"{self.first.split} with {'itself' if self.within else self.second.split}"


@dataclass(frozen=True)
class Tile:
    """What a slice of a split shares with one of another or of itself; see `tasks.overlap.join`."""

    folder: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Joined:
    """Pairs of similar images of two splits, or of one, before any is called a duplicate."""

    pair: SplitPair
    folder: str
    sha256: str
    bands: tuple[int, int] | None  # bands and rows per band of MinHash
    facts: dict[str, Any]  # see `tasks.overlap.search.write_join`; without a method, the splits were not compared

    @property
    def method(self) -> Method | None:
        """How the images were compared."""
        return self.facts["method"]


def between(found: "Iterable[Overlap]", one: SplitName, other: SplitName) -> "Overlap":
    """Return what was found between two splits, in whichever order they were compared."""
    return next(pair for pair in found if {pair.first, pair.second} == {one, other})


@dataclass(frozen=True)
class Decided:
    """What people decided about pairs of a run's images, of all decisions that were given."""

    folder: str
    sha256: str  # of the pairs that apply to these images, and their answers
    given: int
    same: int  # pairs, of those that apply
    different: int

    table = InFolder("decisions.parquet")  # see `tasks.storage.decisions`


@dataclass(frozen=True)
class Baseline:
    """How similar images are that are no leak; see `tasks.overlap.baseline`."""

    folder: str
    sha256: str

    table = InFolder(BASELINE)  # one row per match
    chained = InFolder(CHAINED)  # digests of the pictures whose near-identity proves nothing


@dataclass(frozen=True)
class Ruling:
    """From which similarity on images are duplicates, and the baseline that this was judged by."""

    verdict: Verdict
    baseline: Baseline
    sha256: str


@dataclass(frozen=True)
class Direction(PairOverlap):
    """Rows of one split that have a twin in another; near and cross_class at the threshold."""

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
    directions: tuple[Direction, ...]
    method: Method
    bands: tuple[int, int] | None  # bands and rows per band of MinHash, where it was asked
    recall_at_floor: float  # that MinHash states
    recall: MeasuredRecall | None  # of MinHash
    contradicted: bool  # whether it is lower than stated, beyond chance
    variants: tuple[VariantCount, ...] = ()

    variants_table = InFolder("variants.parquet")  # rows of `second` with a near twin as a variant, if any was searched

    def table(self, rows_of: SplitName) -> str:
        """Twins of the rows of one of the two splits in the other."""
        return f"{self.folder}/{rows_of}.parquet"

    def conflicts(self, rows_of: SplitName) -> str:
        """Rows of one of the two splits with a duplicate of another class in the other."""
        return f"{self.folder}/{rows_of}-conflicts.parquet"


@dataclass(frozen=True)
class Within(WithinSplit):
    """Redundancy inside one split, and the folder of the stage that counted it."""

    folder: str


@dataclass(frozen=True)
class SplitDuplicates:
    """Groups of images inside a split, and the folder of their table; without one, the split was not searched."""

    counts: SplitGroups
    folder: str | None

    table = InFolder("duplicates.parquet")  # one row per image of a group
    conflicts = InFolder("conflicts.parquet")  # one row per image that stays beside a duplicate of another class
    unconfirmed = InFolder("unconfirmed.parquet")  # one row per image whose best match is similar and no twin
