"""Sort the members of a source into classes, and account for each.

The index has one row per member, sorted by class and member: ``class_name`` (null outside the class folders),
``member`` (path below the class folder), ``offset``, ``size``, ``digest``; for members that will not be decoded
``outcome`` (quarantined or ignored) with its ``reason``; and ``group``, if the source has groups.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.formats import IMAGE_ENDINGS
from tasks.records import Piece
from tasks.records.conservation import conserve
from tasks.sources.archive import DIGEST_BYTES, MAX_MEMBER_BYTES
from tasks.sources.layout import common_root, is_below, is_metadata
from tasks.sources.listing import Listing
from tasks.sources.masks import MASK
from tasks.sources.pieces import pieces_of
from tasks.storage import Place, tables
from tasks.vocabulary import UNLABELLED, SplitName

SCHEMA = pa.schema(
    dict.fromkeys(("class_name", "member"), pa.string())
    | dict.fromkeys(("offset", "size"), pa.int64())
    | {"digest": pa.binary(DIGEST_BYTES)}
    | dict.fromkeys(("outcome", "reason", "group"), pa.string())
)
NOT_A_FILE = {
    "link": "link_member", "special": "special_member", "unreadable": "unreadable", "bad_name": "name_not_printable",
    "damaged": "damaged_member", "encrypted": "encrypted_member", "missing": "missing_file",
}  # fmt: skip
MAX_NAME, MAX_NAME_PART = 1024, 255
ROW_GROUP = 16_384  # small enough to read the rows of one class without the others
ORDER = ("class_name", "member", "offset", "size", "digest")
IGNORED = {"mask", "beside_rows", "os_metadata", "not_image_name"}  # other reasons quarantine a member


def write_index(listing: Listing, target: Place, root: str | None = None) -> tuple[list[Piece], dict[str, int], str]:
    """Write the index of a source.

    `root` is the folder in the source with the class folders; if unset, it is found from the names. Images directly in
    the root have no class, unless no image is deeper: then all belong to the class `UNLABELLED`.

    Returns the pieces of its classes, in the order of the index, the numbers of quarantined and of ignored members
    outside the class folders, and the root.
    """
    folders = listing.with_images
    root = common_root(folders) if root is None else root
    flat = bool(folders) and {folder for folder in folders if is_below(folder, root)} <= {root}
    rows = _rows(listing, [_place(folder, root, flat, listing.of_rows) for folder in listing.folders])
    rows = _settled(rows.take(pc.sort_indices(rows, [(name, "ascending") for name in ORDER])))
    class_names = pc.if_else(pc.equal(rows["class_name"], ""), None, rows["class_name"])
    rows = rows.set_column(0, "class_name", class_names).cast(SCHEMA)
    with tables.writer(target, SCHEMA) as writer:
        if len(rows):
            writer.write_table(rows, ROW_GROUP)
    nowhere = rows.filter(pc.is_null(class_names))["outcome"]
    outside = {name: pc.sum(pc.equal(nowhere, name), min_count=0).as_py() for name in ("quarantined", "ignored")}
    pieces = pieces_of(rows)
    conserve(f"index {listing.source}", len(listing), sum(piece.members for piece in pieces) + sum(outside.values()))
    return pieces, outside, root


def by_split(listing: Listing, found: Mapping[SplitName, str]) -> dict[SplitName, tuple[str, Listing]]:
    """Return the folder and the members of each split, given its folder; other members belong to train."""
    names = [next((n for n, root in found.items() if is_below(folder, root)), "train") for folder in listing.folders]
    split = np.array(names, object)[listing.folder] if len(listing) else np.empty(0, object)
    own = {name: replace(listing, table=listing.table.filter(pa.array(split == name))) for name in found}
    return {name: (root, own[name]) for name, root in found.items()}


def _place(folder: str, root: str, flat: bool, of_rows: bool) -> tuple[str, str, bool]:
    """Return the class of a folder, the prefix of its members' names in the index, and whether it is metadata."""
    metadata = not of_rows and is_metadata(folder)
    if metadata or not is_below(folder, root) or (folder == root and not flat):
        return "", posixpath.join(folder, ""), metadata
    if flat:
        return UNLABELLED, posixpath.join(folder[len(root) :].lstrip("/"), ""), False
    class_name, _, rest = folder[len(root) :].lstrip("/").partition("/")
    return class_name, posixpath.join(rest, ""), False


def _rows(listing: Listing, placed: list[tuple[str, str, bool]]) -> pa.Table:
    """Return the rows of the index in any order, with "" for no class; the first reason of a member is used."""
    table, at = listing.table, pa.array(listing.folder)
    names, beside = table["name"], pc.equal(table["kind"], "beside").combine_chunks()
    mask = pc.equal(table["kind"], MASK).combine_chunks()
    outside = pc.or_(beside, mask)
    before = pa.array([before for _, before, _ in placed], pa.string()).take(at)
    whole = pa.array([posixpath.join(folder, "") for folder in listing.folders], pa.string()).take(at)
    class_names = pc.if_else(outside, "", pa.array([name for name, _, _ in placed], pa.string()).take(at))
    metadata = pa.array([is_left for _, _, is_left in placed], pa.bool_()).take(at)
    lengths = pc.utf8_length(names).to_numpy()
    wrong = {
        "mask": mask,
        "beside_rows": beside,
        "os_metadata": metadata.to_numpy(zero_copy_only=False) | listing.is_metadata,
        **{reason: pc.equal(table["kind"], kind) for kind, reason in NOT_A_FILE.items()},
        "not_image_name": ~listing.named(IMAGE_ENDINGS),
        "no_class": pc.equal(class_names, ""),
        "name_too_long": (lengths > MAX_NAME_PART) | (pc.utf8_length(whole).to_numpy() + lengths > MAX_NAME),
        "oversize_file": pc.greater(table["size"], MAX_MEMBER_BYTES),
    }
    first = np.select([np.asarray(rows) for rows in wrong.values()], range(len(wrong)), -1)
    code = pa.array(first, mask=first < 0)
    columns = [
        class_names,
        pc.binary_join_element_wise(pc.if_else(outside, whole, before), names, ""),
        pc.if_else(beside, 0, table["offset"]),
        table["size"],
        pc.if_else(beside, None, table["digest"]),
        pa.array(["ignored" if reason in IGNORED else "quarantined" for reason in wrong]).take(code),
        pa.array(list(wrong)).take(code),
        pc.if_else(beside, None, table["group"]),
    ]
    return pa.table(columns, schema=SCHEMA).combine_chunks()


def _settled(rows: pa.Table) -> pa.Table:
    """Among sorted members with the same name, keep the first if all are equal, and none if they differ."""
    again = np.logical_and(*(pc.equal(rows[name][1:], rows[name][:-1]).to_numpy() for name in ORDER[:2]))
    several = np.append(again, False) | np.append(False, again)
    if not several.any():
        return rows
    few = rows.filter(pa.array(several)).to_pylist()
    for _, group in groupby(few, key=itemgetter(*ORDER[:2])):
        same = [row for row in group if row["outcome"] is None]
        equal = len({row["digest"] for row in same}) == 1
        for row in (same[1:] if equal else same) if len(same) > 1 else []:
            row["outcome"] = "ignored" if equal else "quarantined"
            row["reason"] = "duplicate_identical" if equal else "duplicate_member"
    for name in ("outcome", "reason"):
        changed = pa.array([row[name] for row in few], pa.string())
        values = pc.replace_with_mask(rows[name].combine_chunks(), several, changed)
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows
