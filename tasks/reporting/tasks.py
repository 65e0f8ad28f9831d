"""Prefect task of the reporting stage: publish a run, last of all."""

from pathlib import Path

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from tasks.records import Findings, Report
from tasks.reporting.run import publish_run
from tasks.reporting.summary import accuracy_rows, overlap_rows, to_markdown
from tasks.tasks import finished, stage_task


@stage_task("publish the report")
def publish_report(found: Findings, seconds: dict[str, float], workspace: Path) -> Report:
    """Write the run directory, point ``latest`` to it, and show the summary in Prefect."""
    report, stage = publish_run(found, seconds, workspace)
    create_markdown_artifact(to_markdown(report), key="summary", description=f"Run {report.run.name}")
    create_table_artifact(overlap_rows(report), key="overlap", description="Rows with a twin in another split")
    if rows := accuracy_rows(report):
        create_table_artifact(rows, key="accuracy", description="Accuracy on test rows, 95 % intervals")
    return finished(report, stage, f"run {report.run.name}")
