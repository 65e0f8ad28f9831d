"""The command to type after a run."""

import shlex

from tasks.records import Report
from tasks.records.spec import AuditSpec, DedupeSpec, Spec


def next_step(report: Report, spec: Spec) -> str:
    """Return the command that comes after the newest run, whose parameters are `spec`.

    It decides open questions, writes the sanitized images, or lets an audit without duplicates fail on the first one.
    """
    if report.label_conflicts.open or report.worst.undecided:
        words = ["review", *spec.arguments("workspace")]
    elif report.drawing is not None or report.rows != report.sanitized.near:
        words = ["apply", "--link=sanitized", *spec.arguments("workspace")]
    elif isinstance(spec, AuditSpec):
        words = ["audit", *spec.arguments(), "--max-overlap=0"]
    elif isinstance(spec, DedupeSpec):
        words = ["dedupe", *spec.arguments(), "--max-duplicates=0"]
    else:
        words = ["export", "--format=folder", *spec.arguments("workspace")]
    return shlex.join(["cleansplit", *words])
