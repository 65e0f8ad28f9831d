"""Prefect task of the reporting stage: publish a run, last of all."""

from tasks.records import Findings, Report
from tasks.reporting.publish import publish_run
from tasks.stage_task import finished, stage_task
from tasks.storage.place import Place


@stage_task("publish the report", assets=True)
def publish_report(found: Findings, seconds: dict[str, float], workspace: Place) -> Report:
    """Write the run directory and point ``latest`` to it."""
    report, stage = publish_run(found, seconds, workspace)
    return finished(report, stage, f"run {stage.folder.last}")
