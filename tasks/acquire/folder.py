"""Read a folder with one subfolder per class as if it were an archive."""

import os
from collections.abc import Iterator
from pathlib import Path

from tasks.acquire.archive import MAX_MEMBER_BYTES, Entry, content_digest


def read_folder(root: Path) -> Iterator[Entry]:
    """Yield every file below `root` with its path relative to it, in name order.

    Symbolic links are entries of their own and never followed; files that can't be read are
    entries of kind ``unreadable``, names that are not printable UTF-8 of kind ``bad_name``.
    """
    for folder, subfolders, names in os.walk(root, onerror=_raise):
        subfolders.sort()
        links = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        for name in sorted(names + links):
            path = os.path.join(folder, name)
            yield _entry(os.path.relpath(path, root), path)


def _entry(name: str, path: str) -> Entry:
    if os.path.islink(path):
        return Entry(name, "link", 0, 0, b"")
    if not os.path.isfile(path):
        return Entry(name, "special", 0, 0, b"")
    if not name.isprintable():  # not UTF-8, or with control characters: could not be found again by its shown name
        return Entry(name, "bad_name", 0, 0, b"")
    try:
        size = os.path.getsize(path)
        if size > MAX_MEMBER_BYTES:
            return Entry(name, "file", 0, size, b"")
        with open(path, "rb") as file:
            data = file.read(MAX_MEMBER_BYTES + 1)
    except OSError:
        return Entry(name, "unreadable", 0, 0, b"")
    return Entry(name, "file", 0, len(data), content_digest(data))


def _raise(error: OSError) -> None:
    raise error
