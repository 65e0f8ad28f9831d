"""Findings -> the run directory and its report, and the gates that judge it."""

from typing import cast

from flows.prepare import Loaded
from flows.progress import collect
from flows.sanitize import Cleaned
from tasks.records import Effect, Evaluation, Findings, Report, Splits
from tasks.reporting.gates import enforce_gates
from tasks.reporting.tasks import publish_report
from tasks.spec import Spec


def publish(
    spec: Spec,
    loaded: Loaded,
    splits: Splits,
    cleaned: Cleaned,
    trained: tuple[tuple[Evaluation, ...], tuple[Effect, ...]],
    seconds: dict[str, float],
) -> Report:
    """Publish a run inside the flow that calls it; then let a gate that did not hold fail it."""
    findings = Findings(
        spec=spec,
        archives=loaded.archives,
        shards=loaded.shards,
        splits=splits,
        overlaps=cleaned.overlaps,
        within=cleaned.within,
        sanitized=cleaned.sanitized,
        evaluations=trained[0],
        effects=trained[1],
    )
    (report,) = collect("publish report", [publish_report.submit(findings, seconds, spec.workspace)])
    enforce_gates(report)
    return cast(Report, report)
