"""Run, audit, dedupe and split from Python or a notebook, which shows the result.

Each function starts the command of the same name in another process: Prefect, its server and its logs do not enter the
caller's process. The parameters are the command's flags, with underscores. Flows call the flows in `flows`.
"""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import IO, Any, ParamSpec, cast, get_type_hints
from urllib.parse import quote

import pyarrow as pa

from flows.engine.parameters import Command, with_parameters_of
from flows.table import AUDIT, DEDUPE, RUN, SPLIT
from tasks import errors
from tasks.addresses import reveal
from tasks.exporting.export import SETS, set_with_images
from tasks.presenting.page import as_html
from tasks.presenting.terminal import as_text
from tasks.presenting.words import Numbers, answer
from tasks.records import Report
from tasks.records.spec import Spec
from tasks.reporting.read import read_findings, read_report
from tasks.storage import at, tables
from tasks.storage.actions import read_actions
from tasks.storage.workspace import find_run, run_at, workspace_at

__all__ = ["Result", "audit", "dedupe", "errors", "open_run", "run", "split"]

P = ParamSpec("P")
# Arguments pass through standard input: every user of the machine can read the arguments of a process.
CHILD = "import json, sys; sys.argv[1:] = json.load(sys.stdin); from flows.command.cli import main; main()"
KINDS = errors.UsageError, errors.DataError, errors.GateError, errors.UndecidedError, errors.StorageError
ERRORS: dict[int, Any] = {kind.exit_code: kind for kind in KINDS}
STAGE = re.compile(r"^starting|^[a-z ]+ +[0-9,]+ tasks?")  # the lines that show progress
LINE = 78  # columns of the progress line


@dataclass(frozen=True)
class Result:
    """The result of a run: it prints as a short table, and a notebook shows it as HTML.

    `report` is the content of report.json.
    """

    report: Report

    @property
    def folder(self) -> Path:
        """The folder of the run; its page is ``report.html``."""
        return self.report.run

    @cached_property
    def answer(self) -> str:
        """The answer in a few sentences."""
        return answer(Numbers(self.report))

    def table(self, name: str = "actions") -> pa.Table:
        """Return a table of the run, such as actions, removed, label_conflicts, duplicates or quarantine.

        Raises `UsageError` with the names of all tables if the run does not have this one.
        """
        run = run_at(self.folder)
        every = (PurePath(file) for file in at(run).names())
        names = [file.stem for file in every if file.name == "actions.csv" or file.suffix == ".parquet"]
        if name not in names:
            raise errors.UsageError(f"{self.folder} has no table {name!r}; use one of {', '.join(names)}.")
        return read_actions(run) if name == "actions" else tables.read(run / f"{name}.parquet")

    def pandas(self, name: str = "actions") -> Any:
        """Return a table of the run as a DataFrame; raises `UsageError` without pandas."""
        with _extra():
            return self.table(name).to_pandas()

    def splits(self, config: str = "sanitized") -> Any:
        """Return the raw or the sanitized splits as a `datasets.DatasetDict`.

        Photographs are the original files, which the first call copies into the workspace; glyphs are float32 arrays
        (side, side). Raises `UsageError` for another `config`, and without the package datasets.
        """
        if config not in SETS:
            raise errors.UsageError(f"{config!r} is not a set of splits; use one of {', '.join(SETS)}.")
        with _extra():
            from datasets import load_dataset
        folder = run_at(self.folder)
        if self.report.kind == "photographs":
            folder = set_with_images(folder, config, read_findings(folder))
        return load_dataset(str(folder), config)

    def __repr__(self) -> str:
        return as_text(self.report)

    def _repr_html_(self) -> str:
        page, here = self.folder / "report.html", Path.cwd()  # Jupyter opens only pages below the notebook
        address = page.as_uri() if page.is_absolute() else f"{self.report.where}/report.html"  # in a bucket
        return as_html(self.report, quote(str(page.relative_to(here))) if page.is_relative_to(here) else address)


def _calling(command: Command[P]) -> Callable[P, Result]:
    @with_parameters_of(command)
    def call(spec: Spec) -> Result:
        return _result(command.name, spec)

    # What help() shows: the flag's name in Python, and types without the checks.
    plain, signature = get_type_hints(command.takes), inspect.signature(call)
    given = [one.replace(annotation=plain[one.name]) for one in signature.parameters.values()]
    call.__signature__ = signature.replace(parameters=given)  # type: ignore[attr-defined]
    call.__name__ = call.__qualname__ = command.name
    call.__doc__ = re.sub("--([a-z-]+)", lambda flag: flag[1].replace("-", "_"), str(call.__doc__))
    return call


run, audit, dedupe, split = _calling(RUN), _calling(AUDIT), _calling(DEDUPE), _calling(SPLIT)


def open_run(name: str = "latest", workspace: str | Path | None = None) -> Result:
    """Return the result of an earlier run, by its folder, its id, or ``latest``."""
    return Result(read_report(find_run(name, workspace_at(workspace))))


def _result(command: str, spec: Spec) -> Result:
    """Run a command and show its progress in one line.

    Raises the `CleanSplitError` of the command, with its sentence; a `GateError` also holds the report.
    """
    if len(getattr(spec, "tests", ())) > 1:
        raise errors.UsageError(f"cleansplit.{command} takes one test set; call it for each: they share their work.")
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env=os.environ | {"FORCE_COLOR": "", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    said, show = "", _line()
    given, found, told = cast("tuple[IO[str], ...]", (process.stdin, process.stdout, process.stderr))
    try:
        with suppress(BrokenPipeError), given:  # of a process that was killed at once
            json.dump([command, *spec.arguments(show=reveal)], given)
        for line in told:
            said = line.strip() or said
            if STAGE.search(line):
                show(f"{command}: {said}")
        folder, code = found.read().strip(), process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)  # finished stages stay, and the same call resumes
        process.wait()
        raise
    finally:
        show("")
        process.kill()
    sentence, kind = said.removeprefix("cleansplit: "), ERRORS.get(code, errors.CleanSplitError)
    if code < 0:
        raise kind(f"ended by signal {-code}, perhaps for want of memory; the same call resumes.")
    if code and not issubclass(kind, errors.GateError):
        raise kind(sentence)
    report = read_report(run_at(folder))
    if code:
        raise kind(sentence, report)
    return Result(report)


def _line() -> Callable[[str], object]:
    """Return a function that replaces the progress line, in a notebook or a terminal; elsewhere it prints each line."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        shown = ipython.display.display({"text/plain": ""}, raw=True, display_id=True)
        return lambda line: shown.update({"text/plain": line}, raw=True)
    if not sys.stderr.isatty():
        return lambda line: line and print(line, file=sys.stderr, flush=True)
    return lambda line: print(f"\r{line[:LINE]:<{LINE}}", end="" if line else "\r", file=sys.stderr, flush=True)


@contextmanager
def _extra() -> Iterator[None]:
    """Name the extra that installs a missing package."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise errors.UsageError(f"{missing.name} is missing; run `pip install 'cleansplit[notebook]'`.") from missing
