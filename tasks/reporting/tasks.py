"""Prefect task of the reporting stage: publish a run, last of all."""

from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from tasks import tables
from tasks.records import Findings, Report
from tasks.reporting.run import PAGE, publish_run
from tasks.reporting.summary import accuracy_rows, overlap_rows, to_markdown
from tasks.tasks import finished, stage_task

REMOVED_SHOWN = 200


@stage_task("publish the report")
def publish_report(found: Findings, seconds: dict[str, float], workspace: Path) -> Report:
    """Write the run directory, point ``latest`` to it, and show the summary in Prefect."""
    report, stage = publish_run(found, seconds, workspace)
    create_markdown_artifact(to_markdown(report), key="summary", description=f"Run {report.run.name}")
    create_table_artifact(overlap_rows(report), key="overlap", description="Rows with a twin in another split")
    removed = tables.read(report.run / "removed.parquet").slice(0, REMOVED_SHOWN).to_pylist()
    create_table_artifact(removed, key="removed", description=f"The first {REMOVED_SHOWN} rows of removed.parquet")
    page = (report.run / PAGE).resolve().as_uri()
    create_link_artifact(page, link_text="report.html", key="report", description="The page, on the machine that ran")
    if rows := accuracy_rows(report):
        create_table_artifact(rows, key="accuracy", description="Accuracy on test rows, 95 % intervals")
    return finished(report, stage, f"run {report.run.name}")
