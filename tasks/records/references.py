"""References: known images that later batches are compared with.

``references/NAME/reference.json`` lists the immutable segments of a reference, and its verdict. It is the only file
that changes, and every change replaces it whole.
"""

from collections.abc import Sequence
from dataclasses import field, replace
from shlex import quote
from typing import Literal, cast, get_args

import pyarrow.compute as pc
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from tasks.errors import DataError, UsageError
from tasks.records.inputs import Reading
from tasks.records.overlaps import Overlap, Prints, Ruling
from tasks.storage import Place, at, disk
from tasks.storage.manifests import sealed, unsealed
from tasks.storage.stages import damaged_files
from tasks.vocabulary import counted

FOLDER = "references"
ARRIVED = "arrived.parquet"  # the result of each row of a batch
NOT_NEW = pc.field("exact") | pc.field("near") | pc.field("undecided")  # rows of the table of an overlap
Status = Literal["new", "known", "duplicate", "undecided", "conflicting"]
SegmentOverlaps = Sequence[tuple[str, str, Overlap]]  # of a batch: references, ids of their segments, overlaps


@dataclass(frozen=True)
class Arrived:
    """What became of the files of a batch, and the folder of its tables, if it was compared."""

    source: str
    rows: dict[Status, int]
    unreadable: int = 0
    ignored: int = 0  # because of their names
    folder: str = ""
    verdicts: dict[str, int] = field(default_factory=dict)  # references, with the versions of their verdicts
    threshold: float | None = None
    then: str = ""  # the command that accepts it
    blank: int = 0  # new images without a usable fingerprint

    @property
    def in_short(self) -> str:
        """The numbers in one line."""
        counts = {name: self.rows.get(name, 0) for name in get_args(Status)}
        counts |= {"unreadable": self.unreadable, "ignored": self.ignored}
        new = "new" if self.folder else "read"
        new += f" ({self.blank:,} without a usable fingerprint)" if self.blank else ""
        said = (f"{count:,} {new if name == 'new' else name}" for name, count in counts.items() if count)
        return f"{self.source}: {', '.join(said)}"

    @property
    def incomparable(self) -> str:
        """A sentence about the images without a usable fingerprint."""
        of, have = counted(self.rows.get("new", 0), "new image"), "has" if self.blank == 1 else "have"
        return f"{self.blank:,} of the {of} {have} no usable fingerprint, so changed copies may be missed."


@dataclass(frozen=True)
class Segment:
    """The images that one batch added to a reference; its files never change."""

    id: str
    batch: str  # digest of all rows of the batch
    prints: Prints
    added: str  # time
    arrived: Arrived
    dropped: str | None = None  # the reason
    ended: str = ""  # time when it was dropped


@dataclass(frozen=True)
class Reference:
    """Segments in the order of their arrival, including dropped ones, and the verdict of `dedupe` on all images."""

    name: str
    reading: Reading | None = None
    segments: tuple[Segment, ...] = ()
    ruling: Ruling | None = None
    version: int = 0  # of the verdict
    judged: int = 0  # rows when the verdict was made
    format: Literal[4] = 4  # of the fingerprints in segments; a batch needs the same

    @property
    def folder(self) -> str:
        """Its name below the workspace."""
        return f"{FOLDER}/{self.name}"

    @property
    def live(self) -> list[Segment]:
        """The segments that were not dropped."""
        return [segment for segment in self.segments if segment.dropped is None]

    @property
    def rows(self) -> int:
        """Number of rows in these segments."""
        return sum(segment.prints.rows for segment in self.live)

    def ruling_at(self, threshold: float | None) -> Ruling:
        """Return the verdict, which exists, with the threshold of the user if there is one."""
        ruling = cast(Ruling, self.ruling)
        asked = replace(ruling.verdict, threshold=threshold, reason="asked") if threshold else ruling.verdict
        return replace(ruling, verdict=asked)


def read_reference(workspace: Place, name: str) -> Reference:
    """Return a reference, an empty one if it does not exist; raises `DataError` if its file is damaged or a copy."""
    place = workspace / FOLDER / name / "reference.json"
    if not at(place).is_file():
        return Reference(name)
    try:
        found = TypeAdapter(Reference).validate_python(unsealed(at(place).read_text()))
    except ValueError as error:  # also of pydantic and of UTF-8
        what = f"{place} is damaged or of another version"
        raise DataError(f"{what}; restore a backup, or remove its folder and add the images again.") from error
    if found.name != name:
        raise DataError(f"{place} was copied or renamed; it is of {found.name}, so give its folder that name again.")
    return found


def find_reference(workspace: Place, name: str) -> Reference:
    """Return a reference that has segments; raises `UsageError` if it does not exist."""
    found = read_reference(workspace, name)
    if not found.segments:
        raise no_images(name, workspace)
    return found


def no_images(name: str, workspace: Place) -> UsageError:
    """Return the error about a reference without images, with the command that adds some."""
    add = f"cleansplit reference add {name} SOURCE --workspace {quote(str(workspace))}"
    return UsageError(f"{workspace} has no images of the reference {name}; run `{add}`.")


def require_intact(workspace: Place, reference: Reference) -> None:
    """Raise `DataError` if a file of a reference is damaged or missing."""
    of_ruling = [reference.ruling.baseline.folder] if reference.ruling else []
    for folder in (workspace / name for name in [*(one.prints.folder for one in reference.live), *of_ruling]):
        if wrong := damaged_files(folder):
            raise DataError(f"{folder} is damaged: {wrong[0]} Restore a backup, or drop the segment and add it again.")


def commit(workspace: Place, before: Reference, after: Reference) -> bool:
    """Replace a reference unless somebody else has changed it since `before` was read; return whether it is `after`."""
    now: list[Reference] = []

    def replaced(part: Place) -> None:
        now[:] = [read_reference(workspace, after.name)]
        if now == [before]:
            disk.write_text(part, sealed(TypeAdapter(Reference).dump_python(after, mode="json")))

    at(workspace / after.folder / "reference.json").revise(replaced)
    return now in ([before], [after])
