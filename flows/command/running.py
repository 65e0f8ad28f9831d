"""Run flows from the command, with progress and results in the terminal."""

import shlex
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console

from flows.engine import progress
from tasks.errors import GateError
from tasks.presenting.terminal import next_step, print_benchmarks, print_summary, print_tables
from tasks.records import Benchmarks, Report
from tasks.records.spec import PrepareSpec, ReproduceSpec, Spec
from tasks.reporting.published_results import figures, print_figures
from tasks.reporting.read import PAGE

COURSE: dict[str, Any] = {
    "recipe": "course",
    "models": ("softmax",),
    "sizes": (50, 100, 1000, 5000, 200_000),
    "max_quarantine": 1.0,  # unreadable members are among the figures, so they must not stop the comparison
}


def show(flow: Callable[..., Any], spec: Spec, verbose: bool = False) -> None:
    """Run the flow of a command and print its result; a gate that fails does so after the report."""
    if isinstance(spec, ReproduceSpec):
        _show_reproduced(flow, spec)
        return
    given = dict(vars(spec))  # URLs print without their secrets
    if given.get("decisions", False) is None:  # by default, a command uses those of the workspace
        given["decisions"] = True
    try:
        with progress.visible():
            found = flow(**given)
    except GateError as error:
        if isinstance(error.report, str):  # the folder of a batch
            print(error.report)
        elif error.report:
            _print_report(error.report, spec, verbose)
        raise
    if isinstance(found, Report | Benchmarks):
        _print_report(found, spec, verbose)
        return
    if isinstance(spec, PrepareSpec):
        print(f"next        {shlex.join(['cleansplit', 'run', *spec.arguments()])}", file=sys.stderr)
    print(found)


def _show_reproduced(flow: Callable[..., Any], spec: ReproduceSpec) -> None:
    """Do the course's exercise, and compare its published figures with the measured ones."""
    sources = {"large": spec.large, "small": spec.small} if spec.large or spec.small else {"dataset": "notmnist"}
    with progress.visible():
        found = flow(**sources, workspace=spec.workspace, **spec.how(), **COURSE)
    print_figures(checked := figures(found), Console(stderr=True))
    print(found.where)
    if different := [figure.name for figure in checked if figure.verdict == "different"]:
        raise GateError(f"{len(different)} of {len(checked)} published figures differ: {', '.join(different)}.")


def _print_report(found: Report | Benchmarks, spec: Spec, verbose: bool) -> None:
    """Print the answer to standard error, after all tables if `verbose`, and the run's directory to standard output."""
    console = Console(stderr=True)
    for report in (found.reports if isinstance(found, Benchmarks) else [found]) if verbose else ():
        print_tables(report, console)
    if isinstance(found, Benchmarks):
        print_benchmarks(found, f"{found.where}/{PAGE}", console)
    else:
        print_summary(found, f"{found.where}/{PAGE}", next_step(found, spec), console)
    print(found.where)
