"""Run flows from the command: with progress, and with their reports in the terminal."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from httpx import TransportError
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import get_current_settings
from rich.console import Console

from flows.command.server import answers
from flows.engine import progress
from flows.engine.parameters import Command
from flows.engine.temporary import stays
from tasks.errors import CleanSplitError, GateError, ServerError
from tasks.presenting.terminal import print_summary
from tasks.records import Report
from tasks.records.spec import ReproduceSpec, Spec
from tasks.reporting.notmnist import figures
from tasks.reporting.published_results import print_figures

COURSE: dict[str, Any] = {
    "recipe": "course",
    "models": ("softmax",),
    "sizes": (50, 100, 1000, 5000, 200_000),
    "max_quarantine": 1.0,  # unreadable members are among the figures; no limit stops the comparison
}


def show(command: Command[Any], spec: Spec) -> None:
    """Run the flow of a command, and print what it found, its report even when a gate fails it."""
    flow: Callable[..., Any] = load_flow_from_entrypoint(command.flow, use_placeholder_flow=False)
    if isinstance(spec, ReproduceSpec):
        _show_reproduced(flow, spec)
        return
    given = {field.name: getattr(spec, field.name) for field in fields(spec)}  # URLs print without their secrets
    if given.get("decisions", False) is None:  # those of the workspace, unless others are named, or none
        given["decisions"] = True
    try:
        with _server():
            found = flow(**given)
    except GateError as error:
        _print(error.report)
        raise
    _print(found)


def _show_reproduced(flow: Callable[..., Any], spec: ReproduceSpec) -> None:
    """Do the course's exercise, and set its published figures beside the measured ones."""
    sources = {"large": spec.large, "small": spec.small} if spec.large or spec.small else {"dataset": "notmnist"}
    with _server():
        found = flow(**sources, workspace=spec.workspace, **spec.how(), **COURSE)
    print_figures(checked := figures(found), Console(stderr=True))
    print(found.where)
    if different := [figure.name for figure in checked if figure.verdict == "different"]:
        raise GateError(f"{len(different)} of {len(checked)} published figures differ: {', '.join(different)}.")


@contextlib.contextmanager
def _server() -> Iterator[None]:
    """Show progress while a flow runs, and name the server where it does not answer."""
    try:
        with progress.visible():
            yield
    except CleanSplitError:
        raise
    except Exception as error:
        if not isinstance(error, TransportError) and answers():
            raise
        address = get_current_settings().api.url
        where = f"at {address} " if stays(address) else ""
        raise ServerError(
            f"Prefect's server {where}does not answer; start it and run the same command again."
        ) from error


def _print(found: Any) -> None:
    """Print a report and where it is, or where prepared splits are."""
    if isinstance(found, Report):
        print_summary(found, Console(stderr=True))
    print(found.where if isinstance(found, Report) else found)
