"""Prefect task of the reporting stage: publish a run, last of all."""

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from tasks.presenting.inside import group_rows
from tasks.presenting.numbers import Numbers
from tasks.presenting.summary import accuracy_rows, band_rows, overlap_rows, to_markdown
from tasks.records import Findings, Report
from tasks.reporting.publish import publish_run
from tasks.reporting.write import PAGE
from tasks.stage_task import finished, stage_task
from tasks.storage import disk, tables
from tasks.storage.place import Place

REMOVED_SHOWN = 200


@stage_task("publish the report")
def publish_report(found: Findings, seconds: dict[str, float], workspace: Place) -> Report:
    """Write the run directory, point ``latest`` to it, and show the summary in Prefect."""
    report, stage = publish_run(found, seconds, workspace)
    _show_in_prefect(report, stage.folder)
    return finished(report, stage, f"run {stage.folder.last}")


def _show_in_prefect(report: Report, run: Place) -> None:
    numbers = Numbers(report)
    create_markdown_artifact(to_markdown(numbers), key="summary", description=f"Run {run.last}")
    create_table_artifact(band_rows(numbers), key="similarity", description="Best matches by similarity")
    create_table_artifact(overlap_rows(numbers), key="overlap", description="Rows with a twin in another split")
    create_table_artifact(group_rows(numbers), key="groups", description="Groups of duplicates inside each split")
    removed = tables.read(run / "removed.parquet").slice(0, REMOVED_SHOWN).to_pylist()
    create_table_artifact(removed, key="removed", description=f"The first {REMOVED_SHOWN} rows of removed.parquet")
    page = disk.local(run / PAGE).as_uri()
    create_link_artifact(page, link_text="report.html", key="report", description="The page, on the machine that ran")
    if rows := accuracy_rows(numbers):
        create_table_artifact(rows, key="accuracy", description="Accuracy on test rows, 95 % intervals")
