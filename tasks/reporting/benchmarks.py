"""Write what one train set shares with several test sets: the list of its images to remove, and a page."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tasks.presenting.page import benchmarks_page
from tasks.records import Report, between
from tasks.reporting.read import PAGE, read_findings
from tasks.storage import Place, disk, tables
from tasks.storage.workspace import run_at


def write_benchmarks(reports: Sequence[Report], workspace: Place, target: Place) -> None:
    """Write a page, and ``train_removals.parquet`` with one row per benchmark and train image with a duplicate there.

    The table has ``id`` of train, ``benchmark``, ``benchmark_id`` of the best duplicate, ``reason`` (exact or near)
    and ``similarity``.
    """
    removals = pa.concat_tables(_removals(report, workspace) for report in reports).sort_by("id")
    tables.write(removals, target / "train_removals.parquet")
    disk.write_text(target / PAGE, benchmarks_page(reports, len(removals["id"].unique())))


def _removals(report: Report, workspace: Place) -> pa.Table:
    overlap = between(read_findings(run_at(report.run)).overlaps, "train", "test")
    found = tables.read(workspace / overlap.table("train"))
    found = found.filter(pc.or_(found["exact"], found["near"]))
    columns = {"id": found["id"], "benchmark": pa.repeat(report.spec.settings()["test"], len(found))}
    columns |= {"benchmark_id": found["twin_id"], "reason": pc.if_else(found["exact"], "exact", "near")}
    return pa.table(columns | {"similarity": found["jaccard"]})
