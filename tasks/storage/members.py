"""Files of a source, read again where they lie, by the index, and verified against it."""

import bz2
import contextlib
import errno
import io
import lzma
import re
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import DataError
from tasks.storage import disk
from tasks.storage.place import Place
from tasks.storage.rows import open_rows
from tasks.vocabulary import UNLABELLED
from tasks.vocabulary.columns import Columns

DIGEST_BYTES = 16
ZIP_STARTS = b"PK\3\4", b"PK\5\6"  # of an archive with members, and of one without
DAMAGED_ZIP = (
    struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError,
)  # fmt: skip
PACKED, MAX_PACKED = (
    (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
    64 << 20,
)  # compressions; bytes of a member, and of its window
LZMA_HEADER = struct.Struct("<2H1BI")
LOCAL_HEADER = struct.Struct("<4s5H3L2H")  # of a member of a zip
Read = Callable[[int, int], bytes]  # from an offset and a size


def content_digest(data: bytes) -> bytes:
    """Return the digest by which a member is recognized when it is read again."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


class Members:
    """The files of a source.

    Parameters
    ----------
    source : Place
        A plain tar, a zip archive, a pattern that names several, a source of rows, or a folder of class folders.
    columns : Columns
        Names of the columns of a table.
    """

    def __init__(self, source: Place, columns: Columns) -> None:
        self.source, self.rows = source, open_rows(source, columns)
        self.in_folder = self.rows is None and disk.is_folder(source)  # as files of their own

    def read(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        """Yield (row of the index, bytes), in the order in which the bytes lie in the source.

        Parameters
        ----------
        index : Table
            Rows of the index of the source; see `tasks.sources.index`.

        Raises
        ------
        DataError
            When a member is no longer what the index says.
        """
        if self.rows is not None:
            rows = self.rows
            yield from self._in_order(index, lambda number, _size: rows.read(number) or b"")
        elif self.in_folder:
            yield from self._from_folder(index)
        else:
            with contextlib.closing(Archives(disk.expanded(self.source) or [self.source])) as archives:
                yield from self._in_order(index, archives.read)

    def place_of(self, class_name: str, member: str) -> Place | None:
        """Return where a member lies as a file of its own, if it does."""
        return self.source / path_of(class_name, member) if self.in_folder else None

    def _from_folder(self, index: pa.Table) -> Iterator[tuple[int, bytes]]:
        names, members, digests, sizes = _columns(index, "class_name", "member", "digest", "size")
        paths = [path_of(name, member) for name, member in zip(names, members, strict=True)]
        contents = disk.contents(self.source, paths, max(sizes, default=0) + 1)
        for row, (path, digest, data) in enumerate(zip(paths, digests, contents, strict=True)):
            if isinstance(data, FileNotFoundError | NotADirectoryError):
                raise _gone(self.source / path) from data
            if isinstance(data, OSError):
                raise data
            if content_digest(data) != digest:
                raise self._changed(path)
            yield row, data

    def _in_order(self, index: pa.Table, read: Read) -> Iterator[tuple[int, bytes]]:
        names, members, offsets, sizes, digests = _columns(index, "class_name", "member", "offset", "size", "digest")
        for row in sorted(range(len(names)), key=offsets.__getitem__):
            data = read(offsets[row], sizes[row])
            if content_digest(data) != digests[row]:
                raise self._changed(f"{names[row]}/{members[row]}")
            yield row, data

    def _changed(self, name: str) -> DataError:
        return DataError(f"{name} of {self.source} has changed since it was indexed; do the run again.")


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
            self.starts = [0, *accumulate(map(disk.size_of, archives))]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(archives[0]) from error

    def read(self, offset: int, size: int) -> bytes:
        """Return the member that lies at an offset; what is no member gives other bytes than its index says."""
        if not self.start <= offset < self.stop:
            self._open(bisect_right(self.starts, offset, 1, len(self.starts) - 1) - 1)
        return self.read_one(offset - self.start, size)

    def _open(self, number: int) -> None:
        self.close()
        archive, (self.start, self.stop) = self.archives[number], self.starts[number : number + 2]
        try:
            self.file = disk.reading(archive)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _gone(archive) from error
        self.read_one = _zip_reader(self.file) if is_zip(archive) else _tar_reader(self.file)

    def close(self) -> None:
        """Close what is open."""
        self.file.close()


def path_of(class_name: str, member: str) -> str:
    """Return the path of a member below the folder that holds the class folders."""
    return member if class_name == UNLABELLED else f"{class_name}/{member}"


def paths_of(ids: pa.Array) -> pa.Array:
    """Return the paths of members by the ids of their images, of which the role and the class are the first parts.

    >>> paths_of(pa.array(["large/A/1.png", f"test/{UNLABELLED}/b/2.png", None])).to_pylist()
    ['A/1.png', 'b/2.png', None]
    """
    return pc.replace_substring_regex(ids, f"^[^/]*/(?:{re.escape(UNLABELLED)}/)?", "")


def is_zip(place: Place) -> bool:
    """Say whether a file starts as a zip archive does."""
    with disk.reading(place) as file:
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


def _columns(index: pa.Table, *names: str) -> list[list[Any]]:
    return [index[name].to_pylist() for name in names]


def _gone(place: Place) -> DataError:
    return DataError(f"{place} is gone; bring it back, or do the run again.")
