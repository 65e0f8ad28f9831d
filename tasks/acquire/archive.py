"""Read tar archives without extracting anything, and without losing a member in silence.

`tarfile` stops quietly at a damaged header, never reads the gzip trailer, and believes any
length that an extended header claims. So the gzip stream is drained to its end under budgets,
extended headers are measured before `tarfile` sees them, and the iteration must end on the
two zero blocks that close an archive, with only zeros behind.
"""

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tasks.errors import DataError

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
MAX_BYTES = 64 << 30  # decompressed
MAX_RATIO, RATIO_MATTERS_FROM = 200, 64 << 20  # gzip reaches 1,028:1 on zeros; images stay below 10:1
MAX_MEMBERS = 5_000_000
MAX_MEMBER_BYTES = 64 << 20
MAX_EXTENDED_HEADER = 64 << 10
EXTENDED_HEADERS = b"xgXLK"
DIGEST_BYTES = 16


class Entry(NamedTuple):
    """A member as it lies in its source; `kind` is file, link, special, unreadable or bad_name."""

    name: str
    kind: str
    offset: int
    size: int
    digest: bytes


def content_digest(data: bytes) -> bytes:
    """Return the digest by which a member is recognized when it is read again."""
    return blake2b(data, digest_size=DIGEST_BYTES).digest()


def is_gzip(path: Path) -> bool:
    """Say whether a file starts as gzip does."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def unpacked_size(path: Path) -> int:
    """Return what gzip's trailer says of the length of its content: that length modulo 4 GiB (RFC 1952)."""
    with path.open("rb") as file:
        file.seek(-min(4, path.stat().st_size), os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def decompress(source: Path, target: Path) -> None:
    """Write the tar inside a ``.tar.gz``, reading gzip to its very end, which is what checks its CRC.

    Raises
    ------
    DataError
        When the stream is damaged, cut, followed by something else, or larger than the budgets.
    """
    compressed, written = source.stat().st_size, 0
    try:
        with gzip.open(source) as stream, target.open("wb") as out:
            while chunk := stream.read(CHUNK):
                written += len(chunk)
                if written > MAX_BYTES or (written > RATIO_MATTERS_FROM and written > MAX_RATIO * compressed):
                    raise DataError(
                        f"{source} unpacks to more than {written:,} bytes from {compressed:,}, "
                        "more than an archive of images can; check where it comes from."
                    )
                out.write(chunk)
    except EOFError as error:
        raise DataError(f"{source} ends in the middle of its gzip stream; fetch it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{source} is damaged gzip ({error}); fetch it again.") from error


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield every member of a plain tar except folders, in archive order.

    Headers of ordinary files, nearly all there are, are read here, a window of the archive at a time;
    everything else is left to `tarfile`, which takes four times as long.

    Raises
    ------
    DataError
        When the archive is no tar, is damaged or cut, or breaks a budget. Names the offset.
    """
    with path.open("rb") as file:
        size, window = os.fstat(file.fileno()).st_size, _Window(file)
        _check_extended_headers(path, window, 0)
        try:
            with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as tar:
                position = 0
                for _ in range(MAX_MEMBERS):
                    if (plain := _plain_file(window.read(position, BLOCK))) is not None:
                        name, length = plain
                        yield _file(name, position + BLOCK, length, window)
                        position += BLOCK + -(-length // BLOCK) * BLOCK
                        continue
                    _check_extended_headers(path, window, position)
                    if position:  # tarfile has read the first header already
                        tar.firstmember, tar.offset = None, position  # type: ignore[attr-defined]
                    member = tar.next()
                    if member is None:
                        break
                    tar.members.clear()  # type: ignore[attr-defined]
                    if member.size < 0 or tar.offset <= position:
                        raise DataError(f"{path} has a bad header at byte {position:,}; fetch it again.")
                    if not member.isdir():
                        yield _other(member, window)
                    position = tar.offset
                else:
                    raise DataError(f"{path} has more than {MAX_MEMBERS:,} members; check where it comes from.")
        except tarfile.TarError as error:
            start = window.read(0, 16)
            raise DataError(f"{path} is no readable tar archive ({error}); it starts with {start!r}.") from error
        _check_end(path, file, position, size)


class _Window:
    """Read a file front to back in small pieces with few system calls."""

    def __init__(self, file: BinaryIO) -> None:
        self.descriptor, self.start, self.data = file.fileno(), 0, b""

    def read(self, offset: int, size: int) -> bytes:
        at = offset - self.start
        if at < 0 or at + size > len(self.data):
            self.start, at = offset, 0
            self.data = os.pread(self.descriptor, max(size, CHUNK), offset)
        return self.data[at : at + size]


def _plain_file(block: bytes) -> tuple[str, int] | None:
    """Return name and size from the header of an ordinary file; None for anything else, damaged headers included."""
    if len(block) < BLOCK or block[156:157] not in (tarfile.REGTYPE, tarfile.AREGTYPE) or block[124] & 0x80:
        return None
    # Adler-32's lower half is one more than the sum of the bytes, as long as that stays below 65,521.
    total = sum((zlib.adler32(half) & 0xFFFF) - 1 for half in (block[:256], block[256:]))
    try:
        length, checksum = (int(field.strip(b" \0") or b"0", 8) for field in (block[124:136], block[148:156]))
    except ValueError:
        return None
    name = block[:100].partition(b"\0")[0]
    if checksum != total - sum(block[148:156]) + 8 * 32 or name.endswith(b"/"):
        return None
    if block[345]:
        name = block[345:500].partition(b"\0")[0] + b"/" + name
    return name.decode("utf-8", "surrogateescape"), length


def _other(member: tarfile.TarInfo, window: _Window) -> Entry:
    if member.islnk() or member.issym():
        return Entry(member.name, "link", 0, 0, b"")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        return Entry(member.name, "special", 0, 0, b"")
    return _file(member.name, member.offset_data, member.size, window)


def _file(name: str, offset: int, size: int, window: _Window) -> Entry:
    digest = content_digest(window.read(offset, size)) if size <= MAX_MEMBER_BYTES else b""
    return Entry(name, "file", offset, size, digest)


def _check_extended_headers(path: Path, window: _Window, position: int) -> None:
    """Refuse what would make tarfile allocate or loop: huge extended headers and negative sizes."""
    while True:
        block = window.read(position, BLOCK)
        if len(block) < BLOCK or (not block[0] and not any(block)):
            return  # the end, or what is left of it, is judged by _check_end
        try:
            size = tarfile.nti(block[124:136])  # type: ignore[attr-defined]
        except tarfile.TarError:
            return  # a bad header: tarfile stops here, and _check_end says so
        if size < 0:
            raise DataError(f"{path} has a bad header at byte {position:,}; fetch it again.")
        if block[156] not in EXTENDED_HEADERS:
            return
        if size > MAX_EXTENDED_HEADER:
            raise DataError(
                f"{path} has an extended header of {size:,} bytes at byte {position:,}; it is no image set."
            )
        position += BLOCK + -(-size // BLOCK) * BLOCK


def _check_end(path: Path, file: BinaryIO, position: int, size: int) -> None:
    if size - position < 2 * BLOCK:  # also when the last member reaches behind the end
        raise DataError(
            f"{path} is cut: it ends at byte {size:,} without the two blocks that close a tar; fetch it again."
        )
    file.seek(position)
    at = position
    while chunk := file.read(CHUNK):
        if any(chunk):
            what = "a bad header" if at == position and any(chunk[:BLOCK]) else "data behind its end"
            raise DataError(f"{path} has {what} after byte {at:,}; fetch it again.")
        at += len(chunk)
