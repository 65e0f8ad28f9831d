"""Sort a source's members into classes and account for every one of them.

The index has one row per member, sorted by letter and member: ``letter`` (null outside the class
folders), ``member`` (path below the class folder), ``offset``, ``size``, ``digest``, and, for
what will not be decoded, ``outcome`` (quarantined or ignored) with its ``reason``.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.acquire.archive import DIGEST_BYTES, MAX_MEMBER_BYTES, Entry
from tasks.errors import DataError
from tasks.records import Archive, LetterIndex

SCHEMA = pa.schema(
    {
        "letter": pa.string(),
        "member": pa.string(),
        "offset": pa.int64(),
        "size": pa.int64(),
        "digest": pa.binary(DIGEST_BYTES),
        "outcome": pa.string(),
        "reason": pa.string(),
    }
)
SUFFIX = ".png"
METADATA_NAMES = {"Thumbs.db", "desktop.ini", "__MACOSX"}
MAX_NAME, MAX_NAME_PART = 1024, 255
ROW_GROUP = 16_384  # small enough that one letter's rows are found without reading the others


def write_index(entries: Iterable[Entry], source: str, target: Path) -> tuple[list[LetterIndex], dict[str, int], str]:
    """Write the index of a source.

    Returns
    -------
    letters : list of LetterIndex
        Its classes, in name order.
    outside : dict
        Members that lie in no class folder: how many are quarantined, and how many ignored.
    root : str
        The folder, inside the source, that holds the class folders.

    Raises
    ------
    DataError
        When a name leaves the archive.
    """
    members = [(_clean_name(entry.name, source), entry) for entry in entries]
    root = _common_root(name for name, entry in members if _names_an_image(name, entry))
    rows = sorted((_row(name, entry, root) for name, entry in members), key=lambda r: (r[0] or "", r[1], r[2]))
    _settle_duplicates(rows)
    table = pa.Table.from_arrays([pa.array(column) for column in zip(*rows, strict=True)] or [[]] * 7, SCHEMA.names)
    pq.write_table(table.cast(SCHEMA), target, row_group_size=ROW_GROUP, write_page_checksum=True)
    letters: dict[str, tuple[int, hashlib._Hash]] = {}
    for letter, member, _, size, digest, outcome, reason in rows:
        if letter is not None:
            count, sha = letters.get(letter) or (0, hashlib.sha256())
            sha.update(f"{member}\0{size}\0{outcome}\0{reason}\0".encode() + (digest or b""))
            letters[letter] = (count + 1, sha)
    found = [LetterIndex(letter, count, sha.hexdigest()) for letter, (count, sha) in sorted(letters.items())]
    outcomes = [row[5] for row in rows if row[0] is None]
    return found, {outcome: outcomes.count(outcome) for outcome in ("quarantined", "ignored")}, root


def check_classes(archives: Sequence[Archive], expected: int, minimum: dict[str, int]) -> tuple[str, ...]:
    """Return the class names that both sources share, in order.

    Raises
    ------
    DataError
        When a source has another number of classes than expected, too few members in one, or
        when the sources name their classes differently.
    """
    for archive in archives:
        names = [index.letter for index in archive.letters]
        if len(names) != expected:
            raise DataError(
                f"{archive.name} has {len(names)} class folders ({', '.join(names) or 'none'}) where {expected} are "
                "expected; name another source or another number with --classes."
            )
        for index in archive.letters:
            if index.members < minimum[archive.role]:
                raise DataError(
                    f"class {index.letter} of {archive.name} has {index.members} members, fewer than the "
                    f"{minimum[archive.role]} of --min-per-class; check that the source is complete."
                )
    first, second = (tuple(index.letter for index in archive.letters) for archive in archives)
    if first != second:
        raise DataError(
            f"{archives[0].name} has the classes {', '.join(first)} and {archives[1].name} has {', '.join(second)}; "
            "both sources must have the same."
        )
    return first


def _clean_name(name: str, source: str) -> str:
    """Return a member name as valid text without a leading ``./``."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    parts = text.split("/")
    if text.startswith(("/", "\\")) or text[1:2] == ":" or ".." in parts or ".." in text.split("\\"):
        raise DataError(
            f"{source} has the member {text!r}, which points out of the archive; check where it comes from."
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _names_an_image(name: str, entry: Entry) -> bool:
    return entry.kind == "file" and name.lower().endswith(SUFFIX) and not _is_metadata(name)


def _is_metadata(name: str) -> bool:
    return any(p.startswith(".") or p.endswith("~") or p in METADATA_NAMES for p in name.split("/"))


def _common_root(images: Iterable[str]) -> str:
    """Return the folder that holds the class folders."""
    folders = {posixpath.dirname(name) for name in images}
    if not folders:
        return ""
    return posixpath.commonpath(folders) if len(folders) > 1 else posixpath.dirname(folders.pop())


def _row(name: str, entry: Entry, root: str) -> list:  # type: ignore[type-arg]
    below = name[len(root) + 1 :] if root and name.startswith(root + "/") else name if not root else ""
    letter, separator, member = below.partition("/")
    inside = bool(separator)
    outcome, reason = _judge(name, entry, inside)
    place = (letter, member) if inside and not _is_metadata(letter) else (None, name)
    return [*place, entry.offset, entry.size, entry.digest or None, outcome, reason]


def _judge(name: str, entry: Entry, inside: bool) -> tuple[str | None, str | None]:
    """Say what is already known of a member before its bytes are read."""
    if _is_metadata(name):
        return "ignored", "os_metadata"
    if entry.kind != "file":
        return "quarantined", {"link": "link_member", "special": "special_member", "unreadable": "unreadable"}[
            entry.kind
        ]
    if not name.lower().endswith(SUFFIX):
        return "ignored", "not_png_name"
    if not inside:
        return "quarantined", "no_class"
    if len(name) > MAX_NAME or any(len(part) > MAX_NAME_PART for part in name.split("/")):
        return "quarantined", "name_too_long"
    if entry.size > MAX_MEMBER_BYTES:
        return "quarantined", "oversize_member"
    return None, None


def _settle_duplicates(rows: list) -> None:  # type: ignore[type-arg]
    """Of members with one name keep the first when all are equal, and none when they differ."""
    start = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and rows[end][:2] == rows[start][:2]:
            continue
        same = [row for row in rows[start:end] if row[5] is None]
        if len(same) > 1:
            equal = len({row[4] for row in same}) == 1
            for row in same[1:] if equal else same:
                row[5:] = ("ignored", "duplicate_identical") if equal else ("quarantined", "duplicate_member")
        start = end
