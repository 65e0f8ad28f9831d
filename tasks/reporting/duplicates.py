"""Write the groups of duplicates inside the splits of a run, and lists of what to keep and what to remove."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings, Report
from tasks.reporting.actions import AT_ONCE, Paths, as_lines
from tasks.storage import disk, tables
from tasks.storage.image_files import read_ids
from tasks.storage.place import Place

TABLE, FOLDER = "duplicates.parquet", "duplicates"


def write_duplicates(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write duplicates.parquet, and per split that has duplicates lists of the files to keep and to remove."""
    paths = Paths(found.archives)
    searched = [of for of in found.duplicates if of.folder is not None]
    every = [tables.read(workspace / of.table) for of in searched]
    if every:
        write_table(pa.concat_tables(every), report, target / TABLE)
    for of, table in zip(searched, every, strict=True):
        goes = table.filter(pc.invert(table["stays"]))["id"].combine_chunks()
        if not of.counts.rows or not (len(goes) or report.alone):
            continue
        ids = read_ids(found.splits[of.counts.split].places(workspace))
        kept = ids.filter(pc.invert(pc.is_in(ids, value_set=goes)))
        folder, prefix = (target, "") if report.alone else (target / FOLDER, f"{of.counts.split}-")
        disk.make_folder(folder)
        for name, listed in (("keep", kept), ("remove", goes)):
            own = paths.of(listed)
            order = pc.sort_indices(own)
            disk.write_text(folder / f"{prefix}{name}.txt", "")
            for start in range(0, len(own), AT_ONCE):
                lines = as_lines(own.take(order[start : start + AT_ONCE]))
                disk.add_text(folder / f"{prefix}{name}.txt", lines)


def write_table(table: pa.Table, report: Report, target: Place) -> None:
    """Write a table in which the similarity has the name that the view gives it."""
    names = [report.view.column if name == "jaccard" else name for name in table.column_names]
    tables.write(table.rename_columns(names), target)
