"""Records of the inputs: sources, their members, and shards of images."""

from collections import Counter
from typing import Any

from pydantic.dataclasses import dataclass

from tasks.vocabulary import Kind, Role, ViewName

SHARD, QUARANTINE, SAMPLES = "shard.parquet", "quarantine.parquet", "samples.parquet"  # files of a shard
PHOTOGRAPHS, COPIES, FINGERPRINTS = "photographs.parquet", "copies.gray", "fingerprints.parquet"

REASONS = {  # why a member was quarantined or ignored; a closed list
    "animated": "an animated PNG",
    "bad_jpeg": "JPEG markers missing or out of place",
    "beside_rows": "a file next to the tables or arrays with the images",
    "cut_jpeg": "the JPEG ends too early; decoders fill the rest with gray",
    "damaged_member": "a member with damaged data or an unknown compression",
    "dicom_compression": "a compression of DICOM that no installed package decodes",
    "duplicate_identical": "a second copy of a member with the same name and bytes",
    "duplicate_member": "one of several members with the same name and different bytes",
    "empty": "no bytes",
    "encrypted_member": "an encrypted member",
    "link_member": "a link in an archive, or out of the folder",
    "missing_file": "a row without an image, or an image that is named but missing, or outside the folder",
    "name_not_printable": "a file name that is not printable UTF-8",
    "name_too_long": "a name of more than 255 characters, or a path of more than 1,024",
    "needs_dicom": "DICOM, which needs cleansplit with its extra dicom",
    "needs_heic": "HEIC, which needs cleansplit with its extra heic",
    "no_class": "an image outside the class folders",
    "not_image": "the content is not an image of a supported format",
    "not_image_name": "the file extension is not an image extension",
    "not_png": "the content is not a PNG",
    "not_png_name": "the name does not end in .png",
    "os_metadata": "metadata of an operating system",
    "oversize_file": "more than 64 MiB",
    "oversize_member": "more than 64 KiB",
    "png_chunk": "PNG chunks missing, duplicated or out of place",
    "png_crc": "a PNG checksum is wrong",
    "png_data": "the compressed pixels are damaged",
    "png_idat_length": "more or fewer pixels than the header states",
    "png_trailing": "bytes after the end of the PNG",
    "png_truncated": "the PNG ends too early",
    "several_images": "more than one image in one file",
    "special_member": "a device, pipe, sparse file or other special member",
    "too_costly": "decoding takes more than 5 seconds of processor time or a gigabyte, or crashes",
    "too_many_pixels": "more than 80 million pixels",
    "undecodable": "the decoder refuses the file",
    "unreadable": "a file that could not be read",
    "unsupported_mode": "glyphs: not plain 8-bit gray, or transparent or interlaced; photographs: an unknown mode",
    "wrong_size": "the width or height is not the expected one",
}
REMEDIES = {  # for reasons that have one
    **dict.fromkeys(("not_png", "oversize_member", "wrong_size"), "`--view photo` reads images of any format and size"),
    "encrypted_member": "unpack the archive with its password",
    "link_member": "`--follow-links FOLDER` reads files that links lead to below a folder",
    "missing_file": "check the paths",
    "dicom_compression": "decompress them, such as with `gdcmconv --raw`",
    "needs_dicom": "run `pip install 'cleansplit[dicom]'`",
    "needs_heic": "run `pip install 'cleansplit[heic]'`",
    "several_images": "save each page or frame as a file",
    "unsupported_mode": "save them as 8-bit gray or RGB",
}


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
    sha256: str | None  # of an archive; the digest of a folder is computed from its index
    bytes: int
    columns: dict[str, str]  # use of a column of a table -> its name
    links: str | None = None  # folder of files that links in a source may lead to


@dataclass(frozen=True)
class Piece:
    """Some members of one class, consecutive in name order, as cut by `tasks.sources.pieces`."""

    class_name: str
    members: int
    digest: str  # of the names and contents of the members
    bytes: int


@dataclass(frozen=True)
class Archive:
    """An indexed source: `location` holds the bytes of the members, `index` their offsets."""

    role: Role
    name: str
    location: str
    index: str
    sha256: str
    bytes: int
    columns: dict[str, str]
    pieces: tuple[Piece, ...]  # in the order of the index, which starts with the members outside class folders
    outside: dict[str, int]  # number of members outside class folders, by outcome: quarantined, ignored
    links: str | None = None
    notes: tuple[str, ...] = ()  # about its files, for the user

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
