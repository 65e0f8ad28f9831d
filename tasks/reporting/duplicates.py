"""Write the groups of duplicates inside the splits of a run, and lists of what to keep and what to remove."""

import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import Findings, Report
from tasks.reporting.actions import add_lines, given_paths
from tasks.storage import disk, tables
from tasks.storage.image_files import read_ids
from tasks.storage.place import Place


def write_duplicates(found: Findings, report: Report, workspace: Place, target: Place) -> None:
    """Write duplicates.parquet, and per split that has duplicates lists of the files to keep and to remove."""
    every = {of.counts.split: tables.read(workspace / of.table) for of in found.duplicates if of.folder is not None}
    if every:
        write_table(pa.concat_tables(every.values()), report, target / "duplicates.parquet")
    for split, table in every.items():
        goes = table.filter(pc.invert(table["stays"]))["id"].combine_chunks()
        if found.splits[split].rows and (len(goes) or report.alone):
            ids = read_ids(found.splits[split].places(workspace))
            kept = ids.filter(pc.invert(pc.is_in(ids, value_set=goes)))
            folder, prefix = (target, "") if report.alone else (target / "duplicates", f"{split}-")
            disk.make_folder(folder)
            for name, listed in (("keep", kept), ("remove", goes)):
                own = given_paths(listed, found.archives)
                add_lines(folder / f"{prefix}{name}.txt", own.take(pc.sort_indices(own)))


def write_table(table: pa.Table, report: Report, target: Place) -> None:
    """Write a table in which the similarity has the name that the view gives it."""
    names = [report.view.column if name == "jaccard" else name for name in table.column_names]
    tables.write(table.rename_columns(names), target)
