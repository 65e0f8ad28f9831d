"""Records of the overlaps between splits and of the duplicates inside a split."""

from collections.abc import Iterable
from typing import Any

from pydantic.dataclasses import dataclass

from tasks.records.inputs import InFolder
from tasks.records.rows import MeasuredRecall, PairOverlap, SameSubject, SplitGroups, VariantCount, WithinSplit
from tasks.records.verdict import Verdict
from tasks.vocabulary import Method, Protect, SplitName

ComputedBy = tuple[tuple[str, str], ...]  # the kernel or numpy, and the name of the machine
BASELINE, CHAINED = "baseline.parquet", "chained.parquet"
VECTORS, CLOSE, SAME_SUBJECT = "vectors.parquet", "close.parquet", "same_subject.parquet"
PRINTS, IMAGES, OF_ROW, SAMPLE = "prints.parquet", "images.parquet", "of-row.parquet", "sample.parquet"


@dataclass(frozen=True)
class Prints:
    """Fingerprints of the rows of a split, and its distinct images; see `tasks.overlap.prints`."""

    split: SplitName
    rows: int
    images: int
    length: int  # bits per image
    blank: int  # rows with all bits equal
    one_colour: int  # rows
    short_side: int | None  # median of photographs, in pixels
    folder: str
    sha256: tuple[str, ...]  # of the files of the split
    of: tuple[str, ...]  # digests of the tables of fingerprints that it was made from
    copies: tuple[str, ...]  # files with the gray copies of photographs in these tables
    vectors: str | None = None  # table of the embeddings of its images, if the user gave some

    table = InFolder(PRINTS)  # one row per row of the split
    images_table = InFolder(IMAGES)  # one row per distinct image
    of_row = InFolder(OF_ROW)  # image number of each row
    sample = InFolder(SAMPLE)  # bits of a few hundred images

    @property
    def within(self) -> WithinSplit:
        """The redundancy inside the split."""
        return WithinSplit(self.split, self.rows, self.images, self.one_colour, self.blank)


@dataclass(frozen=True)
class SplitPair:
    """Two splits to compare, or one with itself."""

    first: Prints
    second: Prints

    @property
    def within(self) -> bool:
        """Whether a split is compared with itself."""
        return self.first.split == self.second.split

    def searched(self, protect: Protect) -> int:
        """Return the side that may lose rows to the other, where candidates of its photographs are sought."""
        return int(not self.within and protect == "train")

    def __str__(self) -> str:
        return f"{self.first.split} with {'itself' if self.within else self.second.split}"


def _machines(facts: dict[str, Any]) -> ComputedBy:
    return tuple((engine, machine) for engine, machine in facts["computed_by"])


@dataclass(frozen=True)
class Tile:
    """Similar pairs between slices of two splits, or of one; see `tasks.overlap.join`."""

    folder: str
    result: dict[str, Any]

    @property
    def computed_by(self) -> ComputedBy:
        """The engines and machines that compared the images."""
        return _machines(self.result)


@dataclass(frozen=True)
class Joined:
    """Similar pairs between two splits, or inside one, before the verdict about duplicates."""

    pair: SplitPair
    folder: str
    tiles: tuple[str, ...]  # their folders
    sha256: str
    bands: tuple[int, int] | None  # bands and rows per band of MinHash
    facts: dict[str, Any]  # see `tasks.overlap.search.write_join`; without a method if the splits were not compared

    @property
    def computed_by(self) -> ComputedBy:
        """The engines and machines that compared the images."""
        return _machines(self.facts)

    @property
    def method(self) -> Method | None:
        """How the images were compared."""
        return self.facts["method"]

    @property
    def folders(self) -> tuple[str, ...]:
        """Names below the workspace of everything that it was made from."""
        return (self.folder, *self.tiles, self.pair.first.folder, self.pair.second.folder)


@dataclass(frozen=True)
class Decided:
    """Decisions of people that apply to the images of a run, among all given decisions."""

    folder: str
    sha256: str  # of the pairs that apply, with their answers
    given: int
    same: int  # number of applicable pairs
    different: int

    table = InFolder("decisions.parquet")  # see `tasks.storage.decisions`


@dataclass(frozen=True)
class Baseline:
    """Similarities without a leak; see `tasks.overlap.baseline`."""

    folder: str
    sha256: str

    table = InFolder(BASELINE)  # one row per match
    chained = InFolder(CHAINED)  # digests of the images for which near-identity proves nothing


@dataclass(frozen=True)
class Ruling:
    """The lowest similarity of duplicates, and the baseline that it was derived from."""

    verdict: Verdict
    baseline: Baseline
    sha256: str
    folder: str = ""  # of the verdict


@dataclass(frozen=True)
class Direction(PairOverlap):
    """Rows of one split that have a duplicate in another; near and cross_class apply at the threshold."""

    same_font: int
    unknown_font: int
    by_percent: dict[int, int]  # rows with an exact or near duplicate, for every whole percent from floor to 100


@dataclass(frozen=True)
class Overlap:
    """Duplicates between two splits: one table per direction (one row per image), and their counts."""

    first: SplitName
    second: SplitName
    folder: str
    sha256: str
    directions: tuple[Direction, ...]
    method: Method
    bands: tuple[int, int] | None  # bands and rows per band of MinHash, if it was used
    recall_at_floor: float  # as stated for MinHash
    recall: MeasuredRecall | None  # as measured for MinHash
    contradicted: bool  # whether the measured recall is significantly lower
    variants: tuple[VariantCount, ...] = ()
    engines: tuple[str, ...] = ()  # the kernel or numpy, which compared the images
    subjects: SameSubject | None = None  # with embeddings

    same_subject = InFolder(SAME_SUBJECT)  # close pairs that pixels do not confirm, with embeddings
    variants_table = InFolder("variants.parquet")  # rows of `second` with a near-duplicate as a variant, if searched

    def table(self, rows_of: SplitName) -> str:
        """Return the table of the rows of one of the two splits with their duplicates in the other."""
        return f"{self.folder}/{rows_of}.parquet"

    def conflicts(self, rows_of: SplitName) -> str:
        """Return the table of the rows of one of the two splits with a duplicate of another class in the other."""
        return f"{self.folder}/{rows_of}-conflicts.parquet"


def between(found: Iterable[Overlap], one: SplitName, other: SplitName) -> Overlap:
    """Return the overlap of two splits, in whichever order they were compared."""
    return next(pair for pair in found if {pair.first, pair.second} == {one, other})


@dataclass(frozen=True)
class SplitDuplicates:
    """Groups of images inside a split, and the folder of their table; None if the split was not searched."""

    counts: SplitGroups
    folder: str | None

    table = InFolder("duplicates.parquet")  # one row per image of a group
    conflicts = InFolder("conflicts.parquet")  # one row per image that stays despite a duplicate of another class
    unconfirmed = InFolder("unconfirmed.parquet")  # one row per image whose best match is similar, but not a duplicate
