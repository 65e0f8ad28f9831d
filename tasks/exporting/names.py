"""Refuse names of images that can't be names of files everywhere, before anything is written."""

import unicodedata
from collections.abc import Iterable

from tasks.errors import DataError

LONGEST = 255  # bytes of one part of a path, on the usual file systems
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}


def check_names(names: Iterable[str]) -> None:
    """Refuse names that lead out of a folder, or of which two would be one file or a file and a folder.

    They are paths below one folder, parts joined by ``/``; `DataError` names the first one, and what is wrong with it.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        if reason := _what_is_wrong(name):
            raise _refused(name, reason)
        same = unicodedata.normalize("NFC", name).casefold()  # equal for names that some file system takes for one
        if same in files:
            raise _refused(name, f"is {files[same]!r} on file systems that take letters of either case for one")
        files[same] = name
        above = same
        while (above := above.rpartition("/")[0]) and above not in folders:
            folders[above] = name
    for both in sorted(files.keys() & folders.keys())[:1]:
        raise _refused(files[both], f"is the folder of {folders[both]!r}, too")


def _what_is_wrong(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        return "leads out of the folder"
    if "" in parts or "." in parts:
        return "has an empty part"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "has a control character"
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST for part in parts):
        return f"has a part of more than {LONGEST} bytes"
    if any(part.partition(".")[0].lower() in RESERVED for part in parts):
        return "has a part that is the name of a device on some systems"
    return None


def _refused(name: str, reason: str) -> DataError:
    return DataError(f"the image {name!r} {reason}; export it inside Parquet or as arrays (--format parquet, npz).")
