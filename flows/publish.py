"""Findings -> the run directory and its report, and the gates that judge it."""

from typing import cast

from flows.prepare import Loaded
from flows.progress import collect
from flows.sanitize import Cleaned
from tasks.records import Findings, Report, Splits, Trained
from tasks.reporting.gates import enforce_gates
from tasks.reporting.tasks import publish_report
from tasks.spec import Spec


def publish(
    spec: Spec,
    loaded: Loaded,
    splits: Splits,
    cleaned: Cleaned,
    trained: Trained,
    seconds: dict[str, float],
) -> Report:
    """Publish a run inside the flow that calls it; then let a gate that did not hold fail it."""
    findings = Findings(
        spec=spec,
        archives=loaded.archives,
        shards=loaded.shards,
        fingerprints=loaded.fingerprints,
        splits=splits,
        overlaps=cleaned.overlaps,
        within=cleaned.within,
        sanitized=cleaned.sanitized,
        trained=trained,
    )
    (report,) = collect("publish report", [publish_report.submit(findings, seconds, spec.workspace)])
    enforce_gates(report)
    return cast(Report, report)
