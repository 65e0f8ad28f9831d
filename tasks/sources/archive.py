"""Read tar archives without extracting files, and without silently losing a member.

`tarfile` stops silently at a damaged header, and trusts any length in an extended header. So extended headers are
measured before `tarfile` sees them, and the last member must be followed by two zero blocks and only zeros.
"""

import io
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO, NamedTuple

from tasks.errors import DataError
from tasks.formats import format_of
from tasks.sources.headers import BLOCK, Window
from tasks.sources.pages import count_of

CHUNK = 1 << 18  # bytes to read at a time
LARGEST = 1 << 40  # largest size in a header, in bytes
MAX_MEMBERS = 5_000_000
MAX_MEMBER_BYTES = 64 << 20
MAX_EXTENDED_HEADER = 64 << 10
DIGEST_BYTES = 16
MAX_HEADERS = 16  # extended headers per member; tar programs write two or three
LENGTH_DIGITS = 20  # of a record's length in a pax header
EXTENDED_HEADERS = b"xgXLK"


class Entry(NamedTuple):
    """A member of a source; `kind` is file or a key of `tasks.sources.index.NOT_A_FILE`."""

    name: str
    kind: str
    offset: int = 0
    size: int = 0
    digest: bytes = b""
    group: str | None = None  # the user's group; only rows of a table have one
    pages: int = 0  # of a file of several pages


def file_entry(name: str, offset: int, data: bytes, group: str | None = None) -> Entry:
    """Return the entry of a file, given its content."""
    return Entry(name, "file", offset, len(data), content_digest(data), group, count_of(data))


def content_digest(data: bytes) -> bytes:
    """Return the digest that verifies a member when it is read again."""
    return sha256(data).digest()[:DIGEST_BYTES]  # processors have instructions for it


def read_entries(file: BinaryIO, called: str) -> Iterator[Entry]:
    """Yield every member of a plain tar except folders, in archive order; `called` names it in messages.

    Raises `DataError` with the offset when the archive is not a tar, is damaged or truncated, or exceeds a limit.
    """
    position, window = 0, Window.of(b"", 0)
    known: dict[str, str] = {}  # global headers
    for _ in range(MAX_MEMBERS):
        if position >= window.start + len(window.data):
            window = Window.of(read_at(file, position, CHUNK), position)
        if not known and (usual := window.files.get(position)):
            name, size = usual
            yield _file(name, position + BLOCK, size, file, window)
            position += BLOCK + -(-size // BLOCK) * BLOCK
            continue
        _check_extended_headers(called, file, position)
        member, end, known = _next_member(called, file, position, known)
        if member is None:
            return _check_end(called, file, position)
        if member.size < 0 or not position < end < LARGEST:
            raise DataError(f"{called} has a bad header at byte {position:,}; fetch it again.")
        if not member.isdir():
            yield _entry(member, file)
        position = end
    raise DataError(f"{called} has more than {MAX_MEMBERS:,} members; check where it comes from.")


def _next_member(
    called: str, file: BinaryIO, position: int, known: dict[str, str]
) -> tuple[tarfile.TarInfo | None, int, dict[str, str]]:
    """Let `tarfile` read a member, None at the end; return it, the offset of the next one, and the global headers."""
    file.seek(position)
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", pax_headers=known) as tar:
            return tar.next(), tar.offset, dict(tar.pax_headers)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:  # the last three from odd numbers
        start = read_at(file, 0, BLOCK)
        if format_of(start):
            raise DataError(f"{called} is an image; name the folder of the images.") from error
        raise DataError(
            f"{called} is neither a zip nor a readable tar archive ({error}); it starts with {start[:16]!r}; "
            "docs/data.md has all forms that are read."
        ) from error


def _entry(member: tarfile.TarInfo, file: BinaryIO) -> Entry:
    if member.islnk() or member.issym():
        return Entry(member.name, "link")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        return Entry(member.name, "special")
    return _file(member.name, member.offset_data, member.size, file)


def _file(name: str, offset: int, size: int, file: BinaryIO, window: Window | None = None) -> Entry:
    if size > MAX_MEMBER_BYTES:
        return Entry(name, "file", offset, size)
    data = window.read(offset, size) if window else None
    return file_entry(name, offset, read_at(file, offset, size) if data is None else data)


def _check_extended_headers(called: str, file: BinaryIO, position: int) -> None:
    """Refuse extended headers that would make tarfile allocate too much or loop: huge or negative sizes."""
    for _ in range(MAX_HEADERS + 1):
        block = read_at(file, position, BLOCK)
        if len(block) < BLOCK or (not block[0] and not any(block)):
            return  # _check_end judges the end, or a truncated block
        size = _number(block[124:136])
        if size is None:
            return  # a bad header: tarfile stops here, and _check_end reports it
        is_extended, has_records = block[156] in EXTENDED_HEADERS, block[156] in b"xgX"
        fits = 0 <= size <= (MAX_EXTENDED_HEADER if is_extended else LARGEST)
        if not fits or (has_records and not _are_records(read_at(file, position + BLOCK, size))):
            raise DataError(f"{called} has a bad header at byte {position:,}, with a size of {size:,}; fetch it again.")
        if not is_extended:
            return
        position += BLOCK + -(-size // BLOCK) * BLOCK
    raise DataError(f"{called} has more than {MAX_HEADERS} extended headers for one member; it is not an image set.")


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Return `size` bytes of a file."""
    file.seek(offset)
    return file.read(size)


def _are_records(data: bytes) -> bool:
    """Return whether a pax header is a chain of records with lengths; otherwise `tarfile` searches slowly."""
    position, data = 0, data.rstrip(b"\0")
    while position < len(data):
        length, space, _ = data[position : position + LENGTH_DIGITS].partition(b" ")
        if not space or not length.isdigit() or not int(length):
            return False
        position += int(length)
    return True


def _number(field: bytes) -> int | None:
    """Return a number of a header, in octal or, after a marker byte, in base 256; None if it is invalid."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:]) - (256 ** len(field[1:]) if field[0] == 0xFF else 0)
    try:  # as text, like `tarfile`: its `strip` removes more white space than bytes do
        return int(field.partition(b"\0")[0].decode("ascii").strip() or "0", 8)
    except ValueError:
        return None


def _check_end(called: str, file: BinaryIO, position: int) -> None:
    size = file.seek(0, io.SEEK_END)
    if size - position < 2 * BLOCK:  # also if the last member extends past the end
        raise DataError(f"{called} is truncated: it ends at byte {size:,} without the end of a tar; fetch it again.")
    file.seek(position)
    at = position
    while chunk := file.read(CHUNK):
        if any(chunk):
            what = "a bad header" if at == position and any(chunk[:BLOCK]) else "data after its end"
            raise DataError(f"{called} has {what} after byte {at:,}; fetch it again.")
        at += len(chunk)
