"""Records of what comes in: sources, their members, and letters of images."""

from typing import Literal

from pydantic.dataclasses import dataclass

from tasks.records.places import Place
from tasks.spec import Role, Variant, View

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
