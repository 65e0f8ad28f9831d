"""Read the report and the records of a published run."""

import json
from dataclasses import replace

from pydantic import ValidationError

from tasks.errors import DataError
from tasks.records import Findings, Report
from tasks.storage import Place, at, disk
from tasks.storage.stages import read_manifest
from tasks.storage.workspace import RUN_MANIFEST

REPORT, PAGE = "report.json", "report.html"
NO_REPORT = FileNotFoundError, NotADirectoryError, AttributeError, ValueError, TypeError, RecursionError, MemoryError


def read_report(run: Place) -> Report:
    """Return the report of a published run; `DataError` if report.json is missing or from another version."""
    try:
        return Report.of_json(disk.named(run), json.loads(at(run / REPORT).read_text()))
    except NO_REPORT as error:
        raise DataError(f"{run / REPORT} is missing or was written by another version; do the run again.") from error


def read_findings(run: Place) -> Findings:
    """Return the records behind a published run; `DataError` if they, or the files that they name, are missing."""
    place, workspace = run / RUN_MANIFEST, run.parent.parent
    try:
        found = Findings.of_json((read_manifest(place) or {})["result"]["findings"])
    except (KeyError, TypeError, RecursionError, ValidationError) as error:
        raise DataError(f"{place} is damaged or was written by another version; do the run again.") from error
    if run.parent.last != "runs":
        raise DataError(f"{run} is a copy of a run; this needs the run in its workspace, which has the images.")
    if gone := [name for name in found.names if not at(workspace / name).expanded()]:
        raise DataError(f"{run.last} needs {workspace / gone[0]}, which --fresh or a person removed; do the run again.")
    return replace(found, spec=replace(found.spec, workspace=disk.named(workspace)))
