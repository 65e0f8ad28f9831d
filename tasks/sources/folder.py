"""Read a folder with one subfolder per class as if it were an archive."""

from collections.abc import Iterator
from itertools import islice

from tasks.sources.archive import MAX_MEMBER_BYTES, Entry, content_digest
from tasks.storage.place import Place
from tasks.storage.store import Listed
from tasks.storage.stores import at

AT_ONCE = 4096  # files whose names are in memory


def read_folder(root: Place) -> Iterator[Entry]:
    """Yield every file below `root` with its path relative to it, in name order.

    Symbolic links that lead out of it are entries of kind ``link``; files that can't be read are of kind
    ``unreadable``, names that are not printable UTF-8 of kind ``bad_name``.
    """
    walked = at(root).walk()
    while listed := list(islice(walked, AT_ONCE)):
        read = [each.name for each in listed if each.kind == "file" and each.name.isprintable()]
        contents = at(root).contents(read, MAX_MEMBER_BYTES + 1)
        yield from (_entry(root, each, contents) for each in listed)


def _entry(root: Place, listed: Listed, contents: Iterator[bytes | OSError]) -> Entry:
    name = listed.name
    if listed.kind != "file":
        return Entry(name, listed.kind, 0, 0, b"")
    if not name.isprintable():  # not UTF-8, or with control characters: could not be found again by its shown name
        return Entry(name, "bad_name", 0, 0, b"")
    data = next(contents)
    if isinstance(data, OSError):
        return Entry(name, "unreadable", 0, 0, b"")
    if len(data) > MAX_MEMBER_BYTES:
        return Entry(name, "file", 0, at(root / name).size(), b"")
    return Entry(name, "file", 0, len(data), content_digest(data))
