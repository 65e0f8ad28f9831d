"""Read members of tar and zip archives where they lie, whatever their headers claim."""

import bz2
import errno
import io
import lzma
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, BinaryIO

from tasks.errors import DataError
from tasks.storage.place import Place
from tasks.storage.stores import at

ZIP_STARTS = b"PK\3\4", b"PK\5\6"  # of an archive with members, and of one without
DAMAGED_ZIP = (
    struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError,
)  # fmt: skip
PACKED = zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA  # compressions that `zipfile` unpacks without end
MAX_PACKED = 64 << 20  # bytes of such a member, and of its window
LZMA_HEADER = struct.Struct("<2H1BI")
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # of a member of a zip
Read = Callable[[int, int], bytes]  # from an offset and a size


class Archives:
    """Archives, tar or zip, read as if they lay one behind the other; one at a time is open.

    Raises
    ------
    DataError
        When one is gone.
    """

    def __init__(self, archives: Sequence[Place]) -> None:
        self.archives, self.start, self.stop = archives, 0, 0  # where the archive lies that is open
        self.file: BinaryIO = io.BytesIO()
        try:
            self.starts = [0, *accumulate(at(archive).size() for archive in archives)]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise gone(archives[0]) from error

    def read(self, offset: int, size: int) -> bytes:
        """Return the member that lies at an offset; what is no member gives other bytes than its index says."""
        if not self.start <= offset < self.stop:
            self._open(bisect_right(self.starts, offset, 1, len(self.starts) - 1) - 1)
        return self.read_one(offset - self.start, size)

    def _open(self, number: int) -> None:
        self.close()
        archive, (self.start, self.stop) = self.archives[number], self.starts[number : number + 2]
        try:
            self.file = at(archive).reading()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise gone(archive) from error
        self.read_one = _zip_reader(self.file) if is_zip(archive) else _tar_reader(self.file)

    def close(self) -> None:
        """Close what is open."""
        self.file.close()


def is_zip(place: Place) -> bool:
    """Say whether a file starts as a zip archive does."""
    with at(place).reading() as file:
        return file.read(4) in ZIP_STARTS


def read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a member of a zip archive; None if they are damaged, or compressed in an unknown way."""
    try:
        return _unpacked(archive, member) if member.compress_type in PACKED else archive.read(member)
    except DAMAGED_ZIP as error:
        if getattr(error, "errno", None) not in (None, errno.EINVAL):  # the latter: a place before its beginning
            raise  # of the device, not of what it holds
        return None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """Return the bytes of a member in a compression that `zipfile` unpacks without end, whatever the member claims."""
    file: Any = archive.fp
    file.seek(member.header_offset)
    header = file.read(LOCAL_HEADER.size)
    *_, name, extra = LOCAL_HEADER.unpack(header)
    file.seek(name + extra, io.SEEK_CUR)
    packed = file.read(min(member.compress_size, MAX_PACKED))
    if member.compress_type == zipfile.ZIP_BZIP2:
        unpacker: Any = bz2.BZ2Decompressor()
    else:
        unpacker, packed = _lzma_of(packed)
    data: bytes = unpacker.decompress(packed, member.file_size + 1)
    return data if len(data) == member.file_size and zlib.crc32(data) == member.CRC else None


def _lzma_of(packed: bytes) -> tuple[lzma.LZMADecompressor, bytes]:
    """Return what unpacks an LZMA member, whose data begin with its properties, and the rest of its data."""
    _, length, properties, dictionary = LZMA_HEADER.unpack_from(packed)
    if length != LZMA_HEADER.size - 4 or dictionary > MAX_PACKED:
        raise lzma.LZMAError("odd properties")
    rest, lc = divmod(properties, 9)
    pb, lp = divmod(rest, 5)
    how = {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[how]), packed[LZMA_HEADER.size :]


def _tar_reader(file: BinaryIO) -> Read:
    def read(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return read


def _zip_reader(file: BinaryIO) -> Read:
    archive = zipfile.ZipFile(file)
    at = {member.header_offset: member for member in archive.infolist()}

    def read(offset: int, _size: int) -> bytes:
        member = at.get(offset)
        return (member and read_zipped(archive, member)) or b""  # which is not what the index says

    return read


def gone(place: Place) -> DataError:
    """Return what to say of a source that is not there any more."""
    return DataError(f"{place} is gone; bring it back, or do the run again.")
