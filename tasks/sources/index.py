"""Sort a source's members into classes and account for every one of them.

The index has one row per member, sorted by class and member: ``class_name`` (null outside the class
folders), ``member`` (path below the class folder), ``offset``, ``size``, ``digest``; for what will not be decoded
``outcome`` (quarantined or ignored) with its ``reason``; and ``group``, where the source has groups.
"""

import posixpath
from collections.abc import Iterable, Sequence
from functools import lru_cache

import pyarrow as pa

from tasks.errors import DataError, UsageError
from tasks.records import Piece
from tasks.records.conservation import conserve
from tasks.sources.archive import MAX_MEMBER_BYTES, Entry
from tasks.sources.layout import common_root, is_below, is_metadata, refuse_splits, split_folders
from tasks.sources.pieces import Row, pieces_of
from tasks.storage import tables
from tasks.storage.members import DIGEST_BYTES
from tasks.storage.place import Place
from tasks.vocabulary import UNLABELLED, SplitName
from tasks.vocabulary.formats import IMAGE_ENDINGS

SCHEMA = pa.schema(
    {
        "class_name": pa.string(),
        "member": pa.string(),
        "offset": pa.int64(),
        "size": pa.int64(),
        "digest": pa.binary(DIGEST_BYTES),
        "outcome": pa.string(),
        "reason": pa.string(),
        "group": pa.string(),
    }
)
IMAGES = tuple(IMAGE_ENDINGS)
NOT_A_FILE = {
    "link": "link_member",
    "special": "special_member",
    "unreadable": "unreadable",
    "bad_name": "name_not_printable",
    "damaged": "damaged_member",
    "encrypted": "encrypted_member",
    "missing": "missing_file",
}
MAX_NAME, MAX_NAME_PART = 1024, 255
ROW_GROUP = 16_384  # small enough that one class's rows are found without reading the others


def write_index(
    entries: Iterable[Entry], source: str, target: Place, root: str | None = None
) -> tuple[list[Piece], dict[str, int], str]:
    """Write the index of a source.

    Parameters
    ----------
    entries : iterable of Entry
    source : str
        Its name, for messages.
    target : Place
    root : str, optional
        The folder, inside the source, that holds the class folders; found from the names if unset. Images that lie in
        the root itself have no class: where no image lies deeper, all of them are one class, `UNLABELLED`.

    Returns
    -------
    pieces : list of Piece
        Of its classes, in the order of the index.
    outside : dict
        Members that lie in no class folder: how many are quarantined, and how many ignored.
    root : str
        As given or found.

    Raises
    ------
    DataError
        When a name points outside the archive.
    UsageError
        When the folders are named like splits, not like classes.
    """
    clean = lru_cache(lambda folder: _clean_name(folder, source))  # a source has many members and few folders
    members = []
    for entry in entries:
        folder, _, name = entry.name.rpartition("/")
        members.append((clean(folder), _clean_name(name, source), entry))
    folders = {folder for folder, name, entry in members if _names_an_image(name, entry)}
    if root is None:
        root = common_root(folders)
        refuse_splits(source, split_folders(folders))
    flat = bool(folders) and {folder for folder in folders if is_below(folder, root)} <= {root}
    place = lru_cache(lambda folder: _place(folder, root, flat))
    rows = sorted(_row(*place(folder), folder, name, entry) for folder, name, entry in members)
    _settle_duplicates(rows)
    columns = [[row.class_name or None for row in rows], *([row[i] for row in rows] for i in range(1, len(SCHEMA)))]
    table = pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)
    tables.write(table, target, row_group_size=ROW_GROUP)
    conserve(f"index {source}", len(members), len(table))
    outcomes = [row.outcome for row in rows if not row.class_name]
    return list(pieces_of(rows)), {outcome: outcomes.count(outcome) for outcome in ("quarantined", "ignored")}, root


def by_split(entries: Sequence[Entry], source: str) -> dict[SplitName, tuple[str, list[Entry]]]:
    """Return the folder and the entries of each split that a source holds; what lies in none counts to train.

    Raises
    ------
    DataError
        When a name points outside the archive.
    UsageError
        When the source does not hold splits alone, one of them train.
    """
    clean = lru_cache(lambda folder: _clean_name(folder, source))
    folders = [clean(entry.name.rpartition("/")[0]) for entry in entries]
    images = (_names_an_image(entry.name.rpartition("/")[2], entry) for entry in entries)
    found = split_folders({folder for folder, is_image in zip(folders, images, strict=True) if is_image})
    if not found:
        raise UsageError(
            f"{source} does not hold the folders train and test, and no others with images; name the splits with "
            "--train and --test."
        )
    inside = lru_cache(lambda folder: [name for name, root in found.items() if is_below(folder, root)])
    own: dict[SplitName, list[Entry]] = {name: [] for name in found}
    for entry, folder in zip(entries, folders, strict=True):
        own[next(iter(inside(folder)), "train")].append(entry)
    return {name: (root, own[name]) for name, root in found.items()}


def _clean_name(name: str, source: str) -> str:
    """Return a name as valid text without a leading ``./``."""
    if (
        name.startswith(("/", "\\"))
        or (name[:1].isalpha() and name[1:2] == ":")
        or ".." in name.replace("\\", "/").split("/")
    ):
        raise DataError(
            f"{source} has the member {name!r}, which points out of the archive; check where it comes from."
        )
    text = name if name.isascii() else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if not text.isprintable():  # control and bidirectional characters would take effect wherever the name is shown
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "/".join(part for part in text.split("/") if part not in ("", "."))


def _names_an_image(name: str, entry: Entry) -> bool:
    return entry.kind == "file" and name.lower().endswith(IMAGES) and not is_metadata(name)


def _place(folder: str, root: str, flat: bool) -> tuple[str, str, bool]:
    """Return the class of a folder, the part of its path below the class folder, and whether it is metadata."""
    metadata = any(map(is_metadata, folder.split("/")))
    if metadata or not is_below(folder, root) or (folder == root and not flat):
        return "", "", metadata
    if flat:
        return UNLABELLED, folder[len(root) :].lstrip("/") + "/" * (folder != root), False
    class_name, _, rest = folder[len(root) :].lstrip("/").partition("/")
    return class_name, rest + "/" if rest else "", False


def _row(class_name: str, prefix: str, metadata: bool, folder: str, name: str, entry: Entry) -> Row:
    if entry.kind == "beside":
        return Row("", posixpath.join(folder, name), 0, entry.size, None, "ignored", "beside_rows")
    member = prefix + name if class_name else posixpath.join(folder, name)
    digest = entry.digest or None
    if metadata or is_metadata(name):
        outcome, reason = "ignored", "os_metadata"
    elif entry.kind != "file":
        outcome, reason = "quarantined", NOT_A_FILE[entry.kind]
    elif not name.lower().endswith(IMAGES):
        outcome, reason = "ignored", "not_image_name"
    elif not class_name:
        outcome, reason = "quarantined", "no_class"
    elif len(name) > MAX_NAME_PART or len(folder) + len(name) >= MAX_NAME:
        outcome, reason = "quarantined", "name_too_long"
    elif entry.size > MAX_MEMBER_BYTES:
        outcome, reason = "quarantined", "oversize_file"
    else:
        return Row(class_name, member, entry.offset, entry.size, digest, None, None, entry.group)
    return Row(class_name, member, entry.offset, entry.size, digest, outcome, reason, entry.group)


def _settle_duplicates(rows: list[Row]) -> None:
    """Among members with the same name, keep the first if all are equal, and none if they differ."""
    start = 0
    for end in range(1, len(rows) + 1):
        if (
            end < len(rows)
            and rows[end].member == rows[start].member
            and rows[end].class_name == rows[start].class_name
        ):
            continue
        same = [number for number in range(start, end) if rows[number].outcome is None]
        if len(same) > 1:
            equal = len({rows[number].digest for number in same}) == 1
            settled = ("ignored", "duplicate_identical") if equal else ("quarantined", "duplicate_member")
            for number in same[1:] if equal else same:
                rows[number] = rows[number]._replace(outcome=settled[0], reason=settled[1])
        start = end
