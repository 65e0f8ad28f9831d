"""Read zip archives where they lie, member by member, without silently losing one."""

import stat
import zipfile
from collections.abc import Iterator

from tasks.errors import DataError
from tasks.sources.archive import MAX_MEMBER_BYTES, MAX_MEMBERS, Entry
from tasks.sources.members import content_digest
from tasks.sources.packed import is_bomb
from tasks.storage.archives import read_zipped
from tasks.storage.place import Place
from tasks.storage.stores import at

ENCRYPTED = 1  # flag of a member


def read_entries(place: Place) -> Iterator[Entry]:
    """Yield every member of a zip archive except folders, in the order of its directory.

    A member whose data are damaged, of an unknown compression or encrypted is an entry of its own kind. `offset` is
    that of the member's header.

    Raises
    ------
    DataError
        When the directory is damaged or cut, or promises more than the budgets.
    """
    with at(place).reading() as file:
        try:
            archive = zipfile.ZipFile(file)
            members = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise DataError(f"{place} is not a readable zip archive ({error}); fetch it again.") from error
        total, packed = sum(member.file_size for member in members), at(place).size()
        if is_bomb(total, packed):
            raise DataError(
                f"{place} unpacks to {total:,} bytes from {packed:,}, too many for an archive of images; check where "
                "it comes from."
            )
        if len(members) > MAX_MEMBERS:
            raise DataError(f"{place} has more than {MAX_MEMBERS:,} members; check where it comes from.")
        for member in members:
            if not member.filename.endswith("/"):
                yield _entry(archive, member)


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    kind = _kind(member)
    if kind != "file":
        return Entry(member.filename, kind, 0, 0, b"")
    if member.file_size > MAX_MEMBER_BYTES:
        return Entry(member.filename, "file", member.header_offset, member.file_size, b"")
    data = read_zipped(archive, member)
    if data is None:
        return Entry(member.filename, "damaged", 0, 0, b"")
    return Entry(member.filename, "file", member.header_offset, len(data), content_digest(data))


def _kind(member: zipfile.ZipInfo) -> str:
    mode = member.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "special"
    return "encrypted" if member.flag_bits & ENCRYPTED else "file"
