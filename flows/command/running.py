"""Run flows from the command: with progress, and with their reports in the terminal."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import PurePath
from typing import Any

from httpx import TransportError
from prefect.settings import PREFECT_API_URL
from rich.console import Console

from flows.audit import audit
from flows.dedupe import dedupe
from flows.engine import progress
from flows.engine.temporary import stays
from flows.pipeline import cleansplit
from flows.split import split
from flows.steps import evaluate, prepare, sanitize
from tasks.errors import GateError, ServerError
from tasks.presenting.changes import what_changed
from tasks.presenting.terminal import print_summary
from tasks.records import Report
from tasks.records.spec import (
    AuditSpec,
    DedupeSpec,
    EvaluateSpec,
    PrepareSpec,
    ReproduceSpec,
    RunSpec,
    SanitizeSpec,
    Spec,
    SplitSpec,
)
from tasks.reporting.notmnist import figures
from tasks.reporting.published_results import print_figures
from tasks.reporting.read import read_report
from tasks.storage import disk
from tasks.storage.place import Place
from tasks.storage.stores import at
from tasks.storage.workspace import find_run, latest_in

FLOWS: dict[type[Spec], Callable[..., Report]] = {
    RunSpec: cleansplit,
    AuditSpec: audit,
    DedupeSpec: dedupe,
    SplitSpec: split,
    SanitizeSpec: sanitize,
    EvaluateSpec: evaluate,
}
COURSE: dict[str, Any] = {
    "recipe": "course",
    "models": ("softmax",),
    "sizes": (50, 100, 1000, 5000, 200_000),
    "max_quarantine": 1.0,  # unreadable members are among the figures; no limit stops the comparison
}


def show(spec: Spec) -> None:
    """Run the flow of a spec, and show its report even when a gate fails it."""
    try:
        with _server():
            _print(FLOWS[type(spec)](**_parameters(spec)))
    except GateError as error:
        _print(error.report)
        raise


@contextlib.contextmanager
def summarized(summary: PurePath | None, workspace: Place) -> Iterator[None]:
    """Add to a file what the block's run found and changed, also when a gate fails it."""
    before = find_run("latest", workspace) if summary and latest_in(workspace) else None
    failed = None
    try:
        yield
    except GateError as error:
        failed = error
    if summary:
        report = read_report(find_run("latest", workspace))
        last = read_report(before) if before and at(before).exists() else None
        disk.add_text(Place.of(summary), what_changed(last, report))
    if failed:
        raise failed


def show_prepared(spec: PrepareSpec) -> None:
    """Prepare splits, and print where they lie."""
    with _server():
        print(prepare(**_parameters(spec)))


def show_reproduced(spec: ReproduceSpec) -> None:
    """Do the course's exercise, and set its published figures beside the measured ones."""
    sources = {"large": spec.large, "small": spec.small} if spec.large or spec.small else {"dataset": "notmnist"}
    with _server():
        found = cleansplit(**sources, workspace=spec.workspace, **spec.how(), **COURSE)
    print_figures(checked := figures(found), Console(stderr=True))
    print(found.where)
    if different := [figure.name for figure in checked if figure.verdict == "different"]:
        raise GateError(f"{len(different)} of {len(checked)} published figures differ: {', '.join(different)}.")


def _parameters(spec: Spec) -> dict[str, Any]:
    """Return the parameters of a flow, which Prefect stores: the URLs among them print without their secrets.

    A command takes the decisions of its workspace, unless others are named, or none.
    """
    given = {field.name: getattr(spec, field.name) for field in fields(spec)}
    return given | ({"decisions": True} if given.get("decisions", False) is None else {})


@contextlib.contextmanager
def _server() -> Iterator[None]:
    """Show progress while flows run, and name the server where it does not answer."""
    try:
        with progress.visible():
            yield
    except Exception as error:
        if isinstance(error, TransportError) or "Failed to reach API" in str(error):
            address = PREFECT_API_URL.value()
            where = f"at {address} " if stays(address) else ""
            raise ServerError(
                f"Prefect's server {where}does not answer; start it and run the same command again."
            ) from error
        raise


def _print(report: Report) -> None:
    print_summary(report, Console(stderr=True))
    print(report.where)
