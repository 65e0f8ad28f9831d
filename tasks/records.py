"""Frozen records that pass between stages.

Records hold paths, digests and counts, never arrays. Paths are found by `tasks.store` and are
not part of what a stage stores, so a workspace can be moved.
"""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, PlainSerializer, SerializationInfo, TypeAdapter, ValidationInfo
from pydantic.dataclasses import dataclass

from tasks.spec import AuditSpec, Control, ModelName, Role, RunSpec, SplitName, Variant, View

T = TypeVar("T")


def _below(path: Path, info: SerializationInfo) -> str:
    workspace = (info.context or {}).get("workspace")  # Prefect has contexts of its own
    return str(
        path.resolve().relative_to(workspace) if workspace and path.resolve().is_relative_to(workspace) else path
    )


def _joined(path: Path, info: ValidationInfo) -> Path:
    workspace = (info.context or {}).get("workspace")
    return workspace / path if workspace else path


# Written relative to the workspace, where one is given as context, and found again in another place.
Place = Annotated[Path, PlainSerializer(_below), AfterValidator(_joined)]

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
CONTROLS: tuple[Control, ...] = ("none", "without_twins", "without_random")
PAIRS: tuple[tuple[SplitName, SplitName], ...] = (("train", "validation"), ("train", "test"), ("validation", "test"))
VARIANTS: tuple[Variant, ...] = ("mirrored", "shifted")
REASONS = {  # why a member was quarantined or ignored: a closed list
    "animated": "an animated PNG",
    "bad_jpeg": "JPEG markers missing or out of place",
    "cut_jpeg": "the JPEG ends too early; decoders fill the rest with gray",
    "duplicate_identical": "a second copy of a member with the same name and bytes",
    "duplicate_member": "one of several members with the same name and different bytes",
    "empty": "no bytes",
    "link_member": "a symbolic or hard link; links are never followed",
    "mislabelled": "the name ends as that of another format than the bytes are",
    "name_not_printable": "a file name that is not printable UTF-8",
    "name_too_long": "a name of more than 255 characters, or a path of more than 1,024",
    "no_class": "an image outside the class folders",
    "not_image": "the bytes are none of PNG, JPEG, WebP, BMP, GIF and TIFF",
    "not_image_name": "the name does not end as that of an image",
    "not_png": "the bytes are no PNG",
    "not_png_name": "the name does not end in .png",
    "os_metadata": "a file that an operating system left there",
    "oversize_file": "more than 64 MiB",
    "oversize_member": "more than 64 KiB",
    "png_chunk": "PNG chunks missing, doubled or out of place",
    "png_crc": "a PNG checksum is wrong",
    "png_data": "the compressed pixels are damaged",
    "png_idat_length": "more or fewer pixels than the header says",
    "png_trailing": "bytes behind the end of the PNG",
    "png_truncated": "the PNG ends too early",
    "several_images": "more than one picture in one file",
    "special_member": "a device, pipe, sparse file or other special member",
    "too_many_pixels": "more than 80 million pixels",
    "undecodable": "the decoder refuses the file",
    "unreadable": "a file that could not be read",
    "unsupported_mode": "not 8-bit gray without transparency and interlace; of pictures, no mode with a rule",
    "wrong_size": "not of the expected side",
}
NUM_PERM = 128  # permutations of a signature of the ink; fixed, so that recall is stated for one thing
PHOTO_PERM = 672  # of a signature of the photo view, whose floor is lower


@dataclass(frozen=True)
class Source:
    """A source on this machine's disk: an archive file or a folder of class folders."""

    role: Role
    name: str
    path: Place
    sha256: str | None  # of an archive file; a folder gets its digest from its index
    bytes: int


@dataclass(frozen=True)
class LetterIndex:
    """Members of one class folder, and a digest of their names and contents in name order."""

    letter: str
    members: int
    digest: str
    bytes: int


@dataclass(frozen=True)
class Archive:
    """An indexed source: `path` holds the members' bytes, `index` says where each one lies."""

    role: Role
    name: str
    path: Place
    index: Place
    sha256: str
    bytes: int
    letters: tuple[LetterIndex, ...]
    outside: dict[str, int]  # members that lie in no class folder: quarantined, ignored


@dataclass(frozen=True)
class Reading:
    """How members are read: glyphs are gray PNGs of one side, pictures are anything else; see `tasks.letters.look`."""

    kind: Literal["glyphs", "pictures"]
    view: View
    side: int  # of the gray copies that models see
    also: tuple[Variant, ...]
    scaled: bool


@dataclass(frozen=True)
class LetterShard:
    """Accepted images of one letter of one source, and what became of its other members.

    `pictures` has what a gray copy does not tell; glyphs have none.
    """

    role: Role
    letter: str
    label: int
    path: Place
    quarantine: Place
    samples: Place
    pictures: Place | None
    members: int
    rows: int
    quarantined: int
    ignored: int
    mean: float | None
    std: float | None
    sha256: str


@dataclass(frozen=True)
class Fingerprints:
    """Per image of a shard: id, MD5 of its pixels, the bits of its view, font, one colour or not."""

    role: Role
    letter: str
    path: Place
    sha256: str


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


@dataclass(frozen=True)
class Score:
    """Accuracy of one model on one set of rows, with a 95 % Wilson interval; null when there are no rows."""

    model: ModelName
    train_rows: int
    seed: int
    control: Control
    evaluated_on: str
    n: int
    accuracy: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Effect:
    """A difference between two accuracies in percentage points, with a 95 % bootstrap interval."""

    model: ModelName
    train_rows: int
    comparison: str
    points: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Training:
    """What one model is trained on: how many rows of which arm, and with which seed."""

    model: ModelName
    rows: int
    seed: int
    control: Control


@dataclass(frozen=True)
class Evaluation:
    """What one trained model scored, and where its predictions lie."""

    training: Training
    predictions: Place
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Confusion:
    """What a model answered on raw test rows: one row of counts per true class, one column per answer."""

    model: ModelName
    train_rows: int
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Mistake:
    """A test row that a model got wrong with much confidence: often its label is wrong."""

    model: ModelName
    train_rows: int
    id: str
    letter: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class Trained:
    """All trained models, how their arms compare, and what those on the most rows answered.

    `folder` is None when nothing was trained.
    """

    evaluations: tuple[Evaluation, ...] = ()
    effects: tuple[Effect, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    folder: Place | None = None


@dataclass(frozen=True)
class Findings:
    """Everything that the stages of a run returned."""

    spec: RunSpec | AuditSpec
    archives: tuple[Archive, ...]
    shards: tuple[LetterShard, ...]
    fingerprints: tuple[Fingerprints, ...]
    splits: Splits
    overlaps: tuple[Overlap, ...]
    within: tuple[Within, ...]
    sanitized: Sanitized
    trained: Trained = Trained()

    @property
    def folders(self) -> list[Path]:
        """Every place in which something lies that the run was made of."""
        places = [self.splits.folder, self.sanitized.folder, *filter(None, [self.trained.folder])]
        places += [path for archive in self.archives for path in (archive.path, archive.index)]
        places += [shard.path for shard in self.shards] + [prints.path for prints in self.fingerprints]
        places += [overlap.folder for overlap in self.overlaps] + [within.folder for within in self.within]
        return places + [evaluation.predictions for evaluation in self.trained.evaluations]


@dataclass(frozen=True)
class Report:
    """Everything a run found; its fields are the keys of report.json, whose schema describes them."""

    run: Path
    spec: dict[str, Any]
    inputs: list[dict[str, Any]]
    classes: list[str]
    rows: dict[str, int]
    balance: list[dict[str, Any]]
    conservation: list[dict[str, Any]]
    overlap: list[dict[str, Any]]
    overlap_by_threshold: list[dict[str, Any]]
    within: list[dict[str, Any]]
    label_conflicts: list[dict[str, Any]]
    font_leakage: list[dict[str, Any]]
    groups: dict[str, Any]
    near_duplicates: dict[str, Any]
    sanitized: dict[str, dict[str, int]]
    scores: list[dict[str, Any]]
    effects: list[dict[str, Any]]
    confusion: list[dict[str, Any]]
    mistakes: list[dict[str, Any]]
    gates: list[dict[str, Any]]
    variants: list[dict[str, Any]] = field(default_factory=list)


def to_json(record: Any, workspace: Path | None = None) -> Any:
    """Return a record as JSON-serializable values, its paths relative to the workspace where that is given."""
    return TypeAdapter(type(record)).dump_python(
        record, mode="json", context={"workspace": workspace and workspace.resolve()}
    )


def of_json(kind: type[T], value: Any, workspace: Path) -> T:
    """Return a record from what `to_json` gave."""
    return TypeAdapter(kind).validate_python(value, context={"workspace": workspace})
