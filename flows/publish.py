"""Findings -> the run directory and its report, what Prefect shows of it, and the gates that judge it."""

from typing import cast

from flows.engine.progress import collect
from flows.engine.shown import assets_of, key_of, show, tell_of_change
from tasks.records import Findings, Report
from tasks.reporting.gates import enforce_gates
from tasks.reporting.tasks import publish_report


def publish(found: Findings, seconds: dict[str, float]) -> Report:
    """Publish a run inside the flow that calls it; then let a gate that did not hold fail it."""
    about = key_of(list(found.spec.sources.values()))
    publishing = publish_report.with_options(**assets_of(found.spec, about)).submit(found, seconds, found.spec.place)
    report = cast(Report, collect("publish report", [publishing])[0])
    show(report, about)
    if publishing.state.name != "Reused":
        tell_of_change(report, about, found.spec.place)
    enforce_gates(report)
    return report
