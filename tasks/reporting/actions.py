"""Say of every image what to do with it: actions.csv, and per split a list of the files to remove."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter

from tasks.records import Archive, Findings, Report, Split
from tasks.sources.members import paths_of
from tasks.storage import disk, tables
from tasks.storage.image_files import read_ids
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.vocabulary import SPLITS, SplitName

ACTIONS, REMOVE = "actions.csv", "remove"
ORDER = ("remove", "relabel", "review", "keep")  # of what is said of one image several times, the first counts
NAMED = ("id", "reason", "similarity", "twin_id", "new_class")
TEXTS = ("path", "split", "class", "action", "why", "twin")
COLUMNS = pa.schema({n: pa.string() for n in TEXTS} | {"similarity": pa.float64(), "new_class": pa.string()})
AT_ONCE = 100_000  # rows


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

    An image that goes has the action remove; one whose label people called wrong, relabel; one that may be a copy, or
    whose label is not that of a duplicate, review; all others keep. An image that goes and whose label is wrong, or may
    be, has two rows.
    """
    paths, (said, also) = Paths(found.archives), _said(found, workspace, target)
    with disk.arrow_output(target / ACTIONS) as out, CSVWriter(out, COLUMNS) as writer:
        for name in (name for name in SPLITS if found.splits[name].rows):
            goes = target / REMOVE / f"{name}.txt"
            for rows in _rows_of(found.splits[name], paths, said, also, workspace):
                writer.write_table(rows)
                lost = rows.filter(pc.equal(rows["action"], "remove"))["path"]
                if len(lost) and not report.alone:
                    disk.make_folder(target / REMOVE)
                    disk.add_text(goes, as_lines(lost))


def as_lines(texts: pa.Array) -> str:
    """Return a line for each of some texts."""
    return "".join(f"{text}\n" for text in texts.to_pylist())


def _rows_of(split: Split, paths: Paths, said: pa.Table, also: pa.Table, workspace: Place) -> Iterator[pa.Table]:
    """Yield the rows of actions.csv for a split in the order of paths, some at a time: their texts are large."""
    ids = read_ids(split.places(workspace))
    parts = [paths.of(ids.slice(start, AT_ONCE)) for start in range(0, len(ids), AT_ONCE)]
    own, about = pa.concat_arrays(parts), pc.index_in(ids, value_set=said["id"].combine_chunks())
    order = pc.sort_indices(own)
    for start in range(0, len(ids), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        yield _table(split.name, ids.take(rows), said.take(about.take(rows)), paths)
    again = also.filter(pc.is_in(also["id"], value_set=ids))
    yield _table(split.name, again["id"].combine_chunks(), again, paths)


def _table(split: SplitName, ids: pa.Array, what: pa.Table, paths: Paths) -> pa.Table:
    names = pc.list_element(pc.split_pattern(ids, "/", max_splits=2), 1)
    splits, action = pa.array([split] * len(ids), pa.string()), pc.fill_null(what["action"], "keep")
    about = what["reason"], paths.of(what["twin_id"]), what["similarity"], what["new_class"]
    return pa.table([paths.of(ids), splits, names, action, *about], COLUMNS)


def _said(found: Findings, workspace: Place, target: Place) -> tuple[pa.Table, pa.Table]:
    """Return the action of each image, and a second one for removed images whose label is in conflict."""
    conflicts = tables.read(target / "label_conflicts.parquet")
    wrong = pc.is_valid(conflicts["new_class"])
    rows = [
        _rows(tables.read(workspace / found.sanitized.removed), "remove"),
        _rows(conflicts.filter(wrong), "relabel", "conflict"),
        _rows(conflicts.filter(pc.and_(pc.invert(wrong), conflicts["open"])), "review", "conflict"),
    ]
    if at(target / "duplicates.parquet").exists():
        inside = tables.read(target / "duplicates.parquet")
        rows.append(_rows(inside.filter(pc.invert(inside["stays"])), "keep", "duplicate"))
    if at(target / "unconfirmed.parquet").exists():
        rows.append(_rows(tables.read(target / "unconfirmed.parquet"), "review"))
    table = pa.concat_tables(rows)
    gone = table.filter(pc.equal(table["action"], "remove"))["id"].combine_chunks()
    labels = pc.and_(pc.equal(table["reason"], "conflict"), pc.is_in(table["id"], value_set=gone))
    return _first_of_each(table), _first_of_each(table.filter(labels))


def _first_of_each(table: pa.Table) -> pa.Table:
    """Return one row for each image, in the order of ids: that with the first action of `ORDER`."""
    rank = pc.index_in(table["action"], value_set=pa.array(ORDER))
    table = table.append_column("rank", rank).append_column("number", pa.array(np.arange(len(table))))
    table = table.sort_by([(name, "ascending") for name in ("id", "rank", "number")])
    first = np.ones(len(table), np.bool_)
    first[1:] = pc.not_equal(table["id"][1:], table["id"][:-1]).to_numpy()
    return table.filter(pa.array(first))


def _rows(table: pa.Table, action: str, why: str | None = None) -> pa.Table:
    """Return the columns that are shown; the similarity is named after the view."""
    similarity = next(name for name in ("jaccard", "agreement") if name in table.column_names)
    named = table.rename_columns(["similarity" if name == similarity else name for name in table.column_names])
    if "new_class" not in table.column_names:
        named = named.append_column("new_class", pa.nulls(len(named), pa.string()))
    named = named.select(NAMED)
    if why is not None:
        named = named.set_column(1, "reason", pa.array([why] * len(named), pa.string()))
    return named.append_column("action", pa.array([action] * len(named), pa.string()))


def _folder_of(archive: Archive) -> str:
    """Return the name of a source; of a folder whose classes lie deeper, with what lies between."""
    whole = Place.of(archive.name).root
    inside = archive.location[len(whole) :] if archive.location.startswith(f"{whole}/") else ""
    return f"{archive.name.rstrip('/')}{inside}"
