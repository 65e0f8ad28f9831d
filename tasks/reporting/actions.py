"""Write an action for every image: actions.csv, the groups of duplicates, and lists of files per split."""

import posixpath
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter

from tasks.exporting.originals import whole_files
from tasks.records import Archive, Findings, Report, Split
from tasks.storage import Place, at, disk, tables
from tasks.storage.actions import COLUMNS, NAME
from tasks.storage.image_files import paths_of, read_ids
from tasks.vocabulary import SPLITS

AT_ONCE = 100_000  # rows


def write_actions(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write an action for every image of every split and, below ``remove/``, lists of the files that splits lose.

    Removed images have the action remove; an image whose label people called wrong, relabel; an undecided image, or one
    with a label conflict, review; others keep. A removed image may have a second row, about its label.
    """
    first, second = _actions(found, workspace, target)
    gone = first.filter(pc.equal(first["action"], "remove"))["id"].combine_chunks()
    with tables.writing(target / NAME) as out, CSVWriter(out, COLUMNS) as writer:
        for name in (name for name in SPLITS if found.splits[name].rows):
            for rows in _rows_of(found.splits[name], found.archives, first, second, workspace):
                writer.write_table(tables.harmless(rows))
            ids = read_ids(found.splits[name].places(workspace))
            lost = ids.filter(pc.is_in(ids, value_set=gone))
            if len(lost) and not report.alone:
                disk.make_folder(target / "remove")
                add_lines(target / "remove" / f"{name}.txt", _files(ids, lost, found, workspace)["remove"])


def write_duplicates(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write duplicates.parquet and, per split with duplicates, lists of the files to keep and to remove."""
    every = {of.counts.split: tables.read(workspace / of.table) for of in found.duplicates if of.folder is not None}
    if every:
        write_table(pa.concat_tables(every.values()), report, target / "duplicates.parquet")
    for split, table in every.items():
        goes = table.filter(pc.invert(table["stays"]))["id"].combine_chunks()
        if found.splits[split].rows and (len(goes) or report.alone):
            ids = read_ids(found.splits[split].places(workspace))
            folder, prefix = (target, "") if report.alone else (target / "duplicates", f"{split}-")
            disk.make_folder(folder)
            for name, paths in _files(ids, goes, found, workspace).items():
                add_lines(folder / f"{prefix}{name}.txt", paths)


def _files(ids: pa.Array, gone: pa.Array, found: Findings, workspace: Place) -> dict[str, pa.Array]:
    """Return the sorted paths of the files to keep and to remove; a file with several pages stays with any of them."""
    stay = ids.filter(pc.invert(pc.is_in(ids, value_set=gone)))
    keep, remove = (whole_files(some, found.archives, workspace) for some in (stay, gone))
    remove = remove.filter(pc.invert(pc.is_in(remove, value_set=keep)))
    paths = {name: given_paths(some, found.archives) for name, some in (("keep", keep), ("remove", remove))}
    return {name: own.take(pc.sort_indices(own)) for name, own in paths.items()}


def write_table(table: pa.Table, report: Report, target: Place) -> None:
    """Write a table, with the view's name for the similarity column."""
    tables.write(table.rename_columns({"jaccard": report.view.column}), target)


def given_paths(ids: pa.Array, archives: Sequence[Archive]) -> pa.Array:
    """Return the path of the image of each id, starting with the user's name of its source; empty for null.

    A list of files has the paths of its files, which start with its folder.
    """
    found = pa.nulls(len(ids), pa.string())
    for archive in archives:
        top = posixpath.dirname(archive.given) if archive.listed else posixpath.join(archive.name, archive.inside)
        below = pc.replace_substring_regex(ids, "^[^/]*/[^/]*/", "") if archive.listed else paths_of(ids)
        paths = pc.binary_join_element_wise(posixpath.join(top, ""), below, "")
        found = pc.if_else(pc.starts_with(ids, f"{archive.role}/"), paths, found)
    return pc.fill_null(found, "")


def add_lines(target: Place, texts: pa.Array | pa.ChunkedArray) -> None:
    """Append texts as lines to a file, creating it if missing."""
    disk.add_text(target, "")
    for start in range(0, len(texts), AT_ONCE):
        disk.add_text(target, "".join(f"{text}\n" for text in texts[start : start + AT_ONCE].to_pylist()))


def _rows_of(
    split: Split, archives: Sequence[Archive], first: pa.Table, second: pa.Table, workspace: Place
) -> Iterator[pa.Table]:
    """Yield the rows of actions.csv for a split in the order of paths, in parts, since their texts are large."""
    ids = read_ids(split.places(workspace))
    starts, about = range(0, len(ids), AT_ONCE), pc.index_in(ids, value_set=first["id"].combine_chunks())
    order = pc.sort_indices(pa.concat_arrays([given_paths(ids[start : start + AT_ONCE], archives) for start in starts]))
    again = second.filter(pc.is_in(second["id"], value_set=ids))
    some = (order[start : start + AT_ONCE] for start in starts)
    pieces = ((ids.take(rows), first.take(about.take(rows))) for rows in some)
    for of, actions in (*pieces, (again["id"].combine_chunks(), again)):
        class_names = pc.list_element(pc.split_pattern(of, "/", max_splits=2), 1)
        paths, twins = (given_paths(of_some, archives) for of_some in (of, actions["twin_id"]))
        about_it = pc.fill_null(actions["action"], "keep"), actions["reason"], twins
        texts = paths, pa.repeat(split.name, len(of)), class_names, *about_it
        yield pa.table([*texts, actions["similarity"], actions["new_class"]], COLUMNS)


def _actions(found: Findings, workspace: Place, target: Place) -> tuple[pa.Table, pa.Table]:
    """Return the first action of each image, and a second one for removed images with a label conflict."""
    conflicts, column = tables.read(target / "label_conflicts.parquet"), found.spec.compared_by.column
    wrong = pc.is_valid(conflicts["new_class"])
    rows = [
        _rows(column, tables.read(workspace / found.sanitized.removed), "remove"),
        _rows(column, conflicts.filter(wrong), "relabel", "conflict"),
        _rows(column, conflicts.filter(pc.and_(pc.invert(wrong), conflicts["open"])), "review", "conflict"),
    ]
    if at(target / "unconfirmed.parquet").exists():
        rows.append(_rows(column, tables.read(target / "unconfirmed.parquet"), "review"))
    if at(target / "duplicates.parquet").exists():
        inside = tables.read(target / "duplicates.parquet")
        rows.append(_rows(column, inside.filter(pc.invert(inside["stays"])), "keep", "duplicate"))
    table = pa.concat_tables(rows)
    gone = table.filter(pc.equal(table["action"], "remove"))["id"].combine_chunks()
    labels = pc.and_(pc.equal(table["reason"], "conflict"), pc.is_in(table["id"], value_set=gone))
    return _first_of_each(table), _first_of_each(table.filter(labels))


def _first_of_each(table: pa.Table) -> pa.Table:
    numbered = table.append_column("row", pa.array(np.arange(len(table))))
    return table.take(numbered.group_by("id").aggregate([("row", "min")])["row_min"]).sort_by("id")


def _rows(column: str, table: pa.Table, action: str, why: str | None = None) -> pa.Table:
    columns = {
        "id": table["id"],
        "reason": table["reason"] if why is None else pa.repeat(why, len(table)),
        "similarity": table[column],
        "twin_id": table["twin_id"],
        "new_class": table["new_class"] if "new_class" in table.column_names else pa.nulls(len(table), pa.string()),
        "action": pa.repeat(action, len(table)),
    }
    return pa.table(columns)
