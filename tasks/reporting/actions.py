"""Say of every image what to do with it: actions.csv, and per split a list of the files to remove."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import write_csv

from tasks.records import Archive, Findings, Report
from tasks.storage import disk, tables
from tasks.storage.images import read_ids
from tasks.storage.members import paths_of
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS

ACTIONS, REMOVE = "actions.csv", "remove"
ORDER = ("remove", "review", "keep")  # of what is said of one image several times, the first counts
NAMED = ("id", "reason", "similarity", "twin_id")


class Paths:
    """Paths of images as the user can write them: below the sources under the names that they were given by."""

    def __init__(self, archives: Sequence[Archive]) -> None:
        self.folders: dict[str, str] = {archive.role: _folder_of(archive) for archive in archives}

    def of(self, ids: pa.Array) -> pa.Array:
        """Return the path of the image of each id; of none, an empty text."""
        found, below = pa.nulls(len(ids), pa.string()), paths_of(ids)
        for role, folder in self.folders.items():
            paths = pc.binary_join_element_wise(folder, below, "/")
            found = pc.if_else(pc.starts_with(ids, f"{role}/"), paths, found)
        return pc.fill_null(found, "")


def write_actions(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write what to do with every image of every split, and below ``remove/`` a list of files for each that loses some.

    An image that goes has the action remove; one that stays although it may be a copy, or has a twin of another class,
    review; all others keep.
    """
    paths, said = Paths(found.archives), _said(found, report, workspace, target)
    columns = ("path", "split", "class", "action", "why", "twin", "similarity")
    parts = []
    for name in (name for name in SPLITS if found.splits[name].rows):
        ids = read_ids(found.splits[name].places(workspace))
        at = pc.index_in(ids, value_set=said["id"].combine_chunks())
        about = said.take(at)
        classes = pc.list_element(pc.split_pattern(ids, "/", max_splits=2), 1)
        action = pc.fill_null(about["action"], "keep").combine_chunks()
        split = pa.array([name] * len(ids), pa.string())
        twins = paths.of(about["twin_id"])
        values = [paths.of(ids), split, classes, action, about["reason"], twins, about["similarity"]]
        table = pa.table(dict(zip(columns, values, strict=True))).sort_by("path")
        parts.append(table)
        goes = table.filter(pc.equal(table["action"], "remove"))["path"].to_pylist()
        if goes and not report.alone:
            disk.make_folder(target / REMOVE)
            disk.write_text(target / REMOVE / f"{name}.txt", "".join(f"{path}\n" for path in goes))
    with disk.arrow_output(target / ACTIONS) as out:
        write_csv(pa.concat_tables(parts), out)


def _said(found: Findings, report: Report, workspace: Place, target: Place) -> pa.Table:
    """Return what is said of images, one row each: what weighs most."""
    goes = tables.read(workspace / found.sanitized.removed)
    conflicts = tables.read(workspace / found.sanitized.conflicts)
    alike = tables.read(target / "unconfirmed.parquet") if disk.exists(target / "unconfirmed.parquet") else None
    inside = tables.read(target / "duplicates.parquet") if disk.exists(target / "duplicates.parquet") else None
    rows = [] if report.alone else [_rows(goes, "remove"), _rows(conflicts, "review", "conflict")]
    if inside is not None:
        copies = inside.filter(pc.invert(inside["stays"]))
        rows.append(_rows(copies, "remove" if report.alone else "keep", None if report.alone else "duplicate"))
    if alike is not None:
        rows.append(_rows(alike, "review"))
    table = pa.concat_tables(rows) if rows else _rows(goes, "remove")
    rank = np.array([ORDER.index(action) for action in table["action"].to_pylist()], np.int64)
    ids = table["id"].to_numpy(zero_copy_only=False).astype(str)
    order = np.lexsort((np.arange(len(rank)), rank, ids))
    first = np.append(True, ids[order][1:] != ids[order][:-1])[: len(order)]
    return table.take(pa.array(order[first]))


def _rows(table: pa.Table, action: str, why: str | None = None) -> pa.Table:
    """Return the columns that are shown; the similarity is named after the view."""
    similarity = next(name for name in ("jaccard", "agreement") if name in table.column_names)
    named = table.rename_columns(["similarity" if name == similarity else name for name in table.column_names])
    named = named.select(NAMED)
    if why is not None:
        named = named.set_column(1, "reason", pa.array([why] * len(named), pa.string()))
    return named.append_column("action", pa.array([action] * len(named), pa.string()))


def _folder_of(archive: Archive) -> str:
    """Return the name of a source; of a folder whose classes lie deeper, with what lies between."""
    whole = Place.of(archive.name).root
    inside = archive.location[len(whole) :] if archive.location.startswith(f"{whole}/") else ""
    return f"{archive.name.rstrip('/')}{inside}"
