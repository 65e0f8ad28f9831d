"""Records of the inputs: sources, their members and shards of images, and the rows of a report about them."""

from collections import Counter
from typing import Any

from pydantic.dataclasses import dataclass

from tasks.records.rows import STRICT, Count, Moment, Sha256
from tasks.vocabulary import Kind, Role, ViewName

SHARD, QUARANTINE, SAMPLES = "shard.parquet", "quarantine.parquet", "samples.parquet"  # files of a shard
PHOTOGRAPHS, COPIES, FINGERPRINTS = "photographs.parquet", "copies.gray", "fingerprints.parquet"


class InFolder:
    """A file in the `folder` of a record; the attribute is the name of the file below the workspace."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __get__(self, record: Any, _of: type) -> str:
        return f"{record.folder}/{self.file}"


@dataclass(frozen=True)
class Source:
    """A local source: an archive file or a folder of class folders."""

    role: Role
    name: str
    location: str  # below the workspace, or the user's own path; see `tasks.storage.place.Place.locate`
    bytes: int | None  # of an archive; None for a folder
    columns: dict[str, str]  # use of a column of a table -> its name
    links: str | None = None  # folder of files that links in a source may lead to
    masks_as_images: bool = False  # whether masks in image files are images of their own


@dataclass(frozen=True)
class Piece:
    """Some members of one class, consecutive in name order, as cut by `tasks.sources.pieces`."""

    class_name: str
    members: int
    digest: str  # of the names and contents of the members
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Archive(Source):
    """An indexed source: `location` holds the bytes of the members, `index` their offsets."""

    index: str
    sha256: str
    bytes: int
    pieces: tuple[Piece, ...]  # in the order of the index, which starts with the members outside class folders
    outside: dict[str, int]  # number of members outside class folders, by outcome: quarantined, ignored
    given: str = ""  # the name of the source, which the names of its splits begin with
    inside: str = ""  # the folder of the class folders below `name`
    listed: bool = False  # whether the source lists files by their paths
    notes: tuple[str, ...] = ()  # about its files, for the user
    group_column: str = ""  # of a table, which has groups or is named like them

    @property
    def below(self) -> str:
        """The folder of the class folders, below the given source."""
        return self.inside or self.name.removeprefix(self.given.rstrip("/")).strip("/")

    @property
    def members(self) -> dict[str, int]:
        """Number of members of each class, in the order of the class names."""
        count: Counter[str] = Counter()
        for piece in self.pieces:
            count[piece.class_name] += piece.members
        return dict(count)


@dataclass(frozen=True)
class Part:
    """The input of one task: consecutive rows of the index of a source, from one or several classes."""

    role: Role
    location: str
    columns: dict[str, str]
    index: str
    first: int  # row of the index
    members: int
    bytes: int
    labels: dict[str, int]  # class -> label, in order
    digest: str
    before: int  # members of its first class in earlier parts

    def __str__(self) -> str:
        first, last = next(iter(self.labels)), next(reversed(self.labels))
        several = "" if first == last else f" to {last}, {len(self.labels):,} classes"
        return f"{self.role} {first}" + (f" from member {self.before + 1:,}" if self.before else "") + several


@dataclass(frozen=True)
class Reading:
    """How members are read and compared; see `tasks.classes.detection`."""

    kind: Kind
    view: ViewName
    side: int  # of the gray copies that models see


@dataclass(frozen=True)
class ClassCounts:
    """Outcomes of the members of one class, and sums over the gray values of its images."""

    class_name: str
    label: int
    members: int
    rows: int
    quarantined: int
    ignored: int
    mislabelled: int  # accepted, but in another format than the name suggests
    remarked: int  # accepted, but decoded with warnings
    pixels: int
    total: int
    squares: int


@dataclass(frozen=True)
class Shard:
    """Accepted images of a part, sorted by class and id, and the outcomes of its other members."""

    role: Role
    folder: str
    classes: tuple[ClassCounts, ...]
    sha256: str

    images = InFolder(SHARD)  # table of the images, sorted by id
    quarantine = InFolder(QUARANTINE)  # table of the other members
    samples = InFolder(SAMPLES)  # table of a few images, as files and decoded
    photographs = InFolder(PHOTOGRAPHS)  # table of facts about photographs that their gray copies lack
    copies = InFolder(COPIES)  # gray copies of photographs, in the order of that table; see `tasks.storage.copies`

    @property
    def rows(self) -> int:
        """Number of images."""
        return sum(one.rows for one in self.classes)

    @property
    def refused(self) -> int:
        """Number of members that are not images of the shard."""
        return sum(one.quarantined + one.ignored for one in self.classes)


@dataclass(frozen=True)
class Fingerprints:
    """Per image of a shard: id, MD5 of its pixels, bits, font, and whether it has a single colour."""

    role: Role
    folder: str
    sha256: str
    copies: str | None = None  # file with the gray copies of photographs; None for glyphs

    table = InFolder(FINGERPRINTS)  # one row per image, in the order of the shard


@dataclass(frozen=True, config=STRICT)
class Input:
    """A source."""

    role: Role
    name: str
    sha256: Sha256
    bytes: Count


@dataclass(frozen=True, config=STRICT)
class ClassMembers:
    """Outcomes of the members of a class of a source; the name is null for members outside class folders."""

    role: Role
    class_name: str | None
    members: Count
    accepted: Count
    quarantined: Count
    ignored: Count
    mislabelled: Count  # accepted, but in another format than the name suggests
    remarked: Count  # accepted, but decoded with warnings, which remarks.parquet lists
    mean: Moment  # of the normalized pixels
    std: Moment


@dataclass(frozen=True, config=STRICT)
class IgnoredKind:
    """Ignored members with a file extension, which may be none."""

    ending: str
    count: Count
