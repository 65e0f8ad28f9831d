"""Refuse images whose names are not file names on every system, before anything is written."""

import unicodedata
from collections.abc import Iterable

from tasks.errors import DataError

LONGEST = 255  # bytes of a part of a path, on common file systems
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


def check_names(names: Iterable[str]) -> None:
    """Raise `DataError` for the first path that leaves the folder or conflicts with another path.

    `names` are paths below one folder, with ``/`` between their parts.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        if reason := _what_is_wrong(name):
            raise _refused(name, reason)
        same = unicodedata.normalize("NFC", name).casefold()  # equal if some file system has one file for both
        if same in files:
            raise _refused(name, f"is the same file as {files[same]!r} on case-insensitive file systems")
        files[same] = name
        above = same
        while (above := above.rpartition("/")[0]) and above not in folders:
            folders[above] = name
    for both in sorted(files.keys() & folders.keys())[:1]:
        raise _refused(files[both], f"is also the folder of {folders[both]!r}")


def _what_is_wrong(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        return "leaves the folder"
    if "" in parts or "." in parts:
        return "has an empty part"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "has a control character"
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST for part in parts):
        return f"has a part of more than {LONGEST} bytes"
    if any(part.partition(".")[0].lower() in RESERVED for part in parts):
        return "has a part that is a device name on some systems"
    return None


def _refused(name: str, reason: str) -> DataError:
    return DataError(f"the image {name!r} {reason}; use --format parquet or --format npz.")
