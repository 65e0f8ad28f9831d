"""Read zip archives in place, without trusting their headers, and without silently losing a member."""

import bz2
import errno
import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from tasks.errors import DataError
from tasks.sources.archive import MAX_MEMBER_BYTES, MAX_MEMBERS, Entry, file_entry
from tasks.sources.packed import refuse_bomb
from tasks.storage import Place, at

ZIP_STARTS = b"PK\3\4", b"PK\5\6"  # of an archive with members, and of an empty one
DAMAGED_ZIP = (
    struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError,
)  # fmt: skip
PACKED = zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA  # compressions that `zipfile` unpacks without a limit
MAX_PACKED = 64 << 20  # bytes of a member with such a compression, and of its window
WINDOWS = 0  # a system in a header
NO_SIZE = b"\xff" * 8  # in the header of a file of LZMA
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # of a member of a zip


def is_zip(place: Place) -> bool:
    """Return whether a file starts as a zip archive does."""
    return at(place).read_bytes(4) in ZIP_STARTS


def read_entries(place: Place) -> Iterator[Entry]:
    """Yield every member of a zip archive except folders, in the order of its directory.

    A damaged or encrypted member, or one with an unknown compression, is an entry of its own kind. `offset` is the
    offset of the member's header.

    Raises `DataError` when the directory is damaged or truncated, or exceeds the limits.
    """
    with at(place).reading() as file:
        try:
            archive = zipfile.ZipFile(file)
            members = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise DataError(f"{place} is not a readable zip archive ({error}); fetch it again.") from error
        refuse_bomb(place, sum(member.file_size for member in members), at(place).size())
        if len(members) > MAX_MEMBERS:
            raise DataError(f"{place} has more than {MAX_MEMBERS:,} members; check where it comes from.")
        if members and min(member.header_offset for member in members) > 0:  # another directory lists what is before
            raise DataError(f"{place} is several zip archives in one file; give each as a file of its own.")
        places = dict[int, str]()
        for member in members:
            if (other := places.setdefault(member.header_offset, member.filename)) != member.filename:
                raise DataError(f"{place} lists {other} and {member.filename} as one member; pack the archive again.")
            if member.create_system == WINDOWS:  # some programs there write the separator of their system
                member.filename = member.filename.replace("\\", "/")
            if not member.filename.endswith("/"):
                yield _entry(archive, member)


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    mode, kind = member.external_attr >> 16, "file"
    if stat.S_ISLNK(mode):
        kind = "link"
    elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        kind = "special"
    elif member.flag_bits & 1:
        kind = "encrypted"
    if kind != "file":
        return Entry(member.filename, kind)
    if member.file_size > MAX_MEMBER_BYTES:
        return Entry(member.filename, "file", member.header_offset, member.file_size, b"")
    data = read_zipped(archive, member)
    if data is None:
        return Entry(member.filename, "damaged")
    return file_entry(member.filename, member.header_offset, data)


def read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo | None) -> bytes | None:
    """Return the bytes of a member of a zip archive; None if it is missing, damaged or has an unknown compression."""
    if member is None:
        return None
    try:
        return _unpacked(archive, member) if member.compress_type in PACKED else archive.read(member)
    except DAMAGED_ZIP as error:
        if getattr(error, "errno", None) not in (None, errno.EINVAL):  # the latter for a negative offset
            raise  # an error of the device, not of the content
        return None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a member that `zipfile` would unpack without a limit, cut at its stated size."""
    file: Any = archive.fp
    file.seek(member.header_offset)
    *_, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    file.seek(name + extra, io.SEEK_CUR)
    packed = file.read(min(member.compress_size, MAX_PACKED))
    if member.compress_type == zipfile.ZIP_BZIP2:
        unpacker: Any = bz2.BZ2Decompressor()
    else:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, MAX_PACKED)
        packed = packed[4:9] + NO_SIZE + packed[9:]  # after four bytes of versions, its properties as in a file
    data: bytes = unpacker.decompress(packed, member.file_size + 1)
    return data if len(data) == member.file_size and zlib.crc32(data) == member.CRC else None
