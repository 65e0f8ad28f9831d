"""Findings -> the run directory and its report, and the gates that judge it."""

from typing import cast

from flows.engine.progress import collect
from tasks.records import Findings, Report
from tasks.reporting.gates import enforce_gates
from tasks.reporting.tasks import publish_report


def publish(found: Findings, seconds: dict[str, float]) -> Report:
    """Publish a run inside the flow that calls it; then let a gate that did not hold fail it."""
    (report,) = collect("publish report", [publish_report.submit(found, seconds, found.spec.place)])
    enforce_gates(report)
    return cast(Report, report)
