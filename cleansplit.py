"""cleansplit in Python and in notebooks: run, audit, dedupe and split, with results that show themselves.

Each call runs the command of the same name in a process of its own, so that Prefect, its server and their logs stay out
of yours; the flows themselves are in `flows`, for who wants to call them from other flows. Parameters are those of the
commands, with underscores.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
from pyarrow.csv import read_csv

from flows.engine.parameters import takes
from tasks import errors
from tasks.addresses import reveal
from tasks.exporting.export import set_with_images
from tasks.presenting.numbers import Numbers
from tasks.presenting.page import as_html
from tasks.presenting.terminal import as_text
from tasks.presenting.words import answer
from tasks.records import Report
from tasks.records.spec import AuditSpec, DedupeSpec, RunSpec, Spec, SplitSpec
from tasks.reporting.read import read_findings, read_report
from tasks.storage import tables
from tasks.storage.place import Place
from tasks.storage.workspace import find_run, workspace_at

__all__ = ["Result", "audit", "dedupe", "open_run", "run", "split"]

# Arguments are handed over on standard input: a process's own arguments can be seen by every user of the machine.
CHILD = "import json, sys; sys.argv[1:] = json.load(sys.stdin); from flows.command.cli import main; main()"
ERRORS = {kind.exit_code: kind for kind in (errors.UsageError, errors.DataError, errors.StorageError)}
STAGE = re.compile(r"^starting|^[a-z ]+ +[0-9,]+ tasks")  # of what the command says, what shows how far it is
LINE = 78  # columns of the line that shows progress


@dataclass(frozen=True)
class Result:
    """What a run found; prints as a short table, and shows itself in a notebook.

    Attributes
    ----------
    report : Report
        Everything that report.json holds.
    """

    report: Report

    @property
    def folder(self) -> Path:
        """The run's folder; ``report.html`` is the page to open."""
        return self.report.run

    @cached_property
    def answer(self) -> str:
        """What was found, in a few sentences."""
        return answer(Numbers(self.report))

    def table(self, name: str = "actions") -> pa.Table:
        """Return a table of the run: actions, removed, label_conflicts, unconfirmed, duplicates or quarantine.

        Raises
        ------
        DataError
            When the run has no such table.
        """
        if name == "actions":
            return read_csv(self.folder / "actions.csv")
        return tables.read(Place.of(self.folder) / f"{name}.parquet")

    def pandas(self, name: str = "actions") -> Any:
        """Return a table of the run as a DataFrame of pandas, which has to be installed."""
        return self.table(name).to_pandas()

    def splits(self, config: str = "sanitized") -> Any:
        """Return the raw or the sanitized splits as a `datasets.DatasetDict`; datasets has to be installed.

        Photographs come with the images themselves, which are copied into the workspace once.
        """
        from datasets import load_dataset

        folder = Place.of(self.folder)
        if self.report.kind == "photographs":
            folder = set_with_images(folder, config, read_findings(folder))
        return load_dataset(str(folder), config)

    def __repr__(self) -> str:
        return as_text(self.report)

    def _repr_html_(self) -> str:
        return as_html(self.report)


@takes(RunSpec)
def run(spec: RunSpec) -> Result:
    """Build splits, measure their overlap, write sanitized splits, and show what the overlap did to accuracy."""
    return _result("run", spec)


@takes(AuditSpec)
def audit(spec: AuditSpec) -> Result:
    """Measure the overlap between existing splits, and write the splits without it."""
    return _result("audit", spec)


@takes(DedupeSpec)
def dedupe(spec: DedupeSpec) -> Result:
    """Find the images of one set that show the same, and list which of them to keep and which to remove."""
    return _result("dedupe", spec)


@takes(SplitSpec)
def split(spec: SplitSpec) -> Result:
    """Draw train, validation and test from one set so that nothing leaks: twins and other groups stay on one side."""
    return _result("split", spec)


def open_run(name: str = "latest", workspace: str | Path | None = None) -> Result:
    """Return the result of a run that was made before: by its folder, its id, or latest."""
    return Result(read_report(find_run(name, workspace_at(workspace))))


def _result(command: str, spec: Spec) -> Result:
    """Run a command, with one line that shows how far it is.

    Raises
    ------
    CleanSplitError
        With the command's own sentence; a `GateError` has the report.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    said, show = "", _line()
    given, found, told = cast("tuple[IO[str], ...]", (process.stdin, process.stdout, process.stderr))
    try:
        with given:
            json.dump([command, *_arguments(spec)], given)
        for line in told:
            said = line.strip() or said
            if STAGE.search(line):
                show(f"{command}: {said}")
        folder, code = found.read().strip(), process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)  # what is finished is kept, and the same call continues with it
        process.wait()
        raise
    finally:
        show("")
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if code == 0:
        return Result(read_report(Place.of(folder)))
    sentence = said.removeprefix("cleansplit: ")
    for kind in (errors.GateError, errors.UndecidedError):
        if code == kind.exit_code:
            raise kind(sentence, read_report(Place.of(folder)))
    raise ERRORS.get(code, errors.CleanSplitError)(sentence)


def _arguments(spec: Spec) -> list[str]:
    """Return the parameters that are not what they are by default, as they are typed."""
    found = []
    for field in fields(spec):
        value, name = getattr(spec, field.name), field.name.replace("_", "-")
        if value is None or (field.default is not MISSING and value == field.default):
            continue
        flag = f"--{name}" if value is not False else f"--no-{name}"  # of what is neither true nor false by default
        values = value if isinstance(value, tuple) else (value,)
        typed = (reveal(one) if isinstance(one, str) else one for one in values)
        found += [flag] if isinstance(value, bool) else [f"{flag}={one}" for one in typed]
    return found


def _line() -> Callable[[str], object]:
    """Return what shows a line in place of the one before: in a notebook one output, elsewhere one line."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        shown = ipython.display.display({"text/plain": ""}, raw=True, display_id=True)
        return lambda line: shown.update({"text/plain": line}, raw=True)
    return lambda line: print(f"\r{line[:LINE]:<{LINE}}", end="" if line else "\r", file=sys.stderr, flush=True)
