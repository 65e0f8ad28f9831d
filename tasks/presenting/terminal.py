"""The result of a run in the terminal, and the command to type next."""

import io
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.presenting import summary
from tasks.presenting.words import DASH, Numbers, answer, facts, folder_for, sentences
from tasks.records import Benchmarks, Report
from tasks.records.spec import AuditSpec, DedupeSpec, Spec
from tasks.vocabulary import Comparison

WIDTH, SHORT, MOST = 100, 2, 3  # columns of a text; tables; qualifications
AS_IS: Any = {"highlight": False, "markup": False, "soft_wrap": True}  # how sentences are printed
SHOWN: tuple[Comparison, ...] = ("raw_minus_sanitized", "effect_of_twins")  # more columns are too wide


def print_summary(report: Report, page: str, then: str, console: Console) -> None:
    """Print the answer, its numbers and qualifications, the path of the page, and the next command."""
    numbers = Numbers(report)
    effect = sentences(numbers, "effect")
    doubts = [sentence for sentence in sentences(numbers, "qualifications") if sentence not in effect][:MOST]
    missed = sentences(numbers, "missed")
    lines = [*sentences(numbers, "counts"), *doubts, *missed, f"report      {page}", f"next        {then}"]
    console.print(" ".join(sentences(numbers, "in_short") + effect), style="bold", **AS_IS)
    console.print("\n".join(lines), **AS_IS)


def next_step(report: Report, spec: Spec) -> str:
    """Return the command that comes after the newest run, whose parameters are `spec`.

    It decides open questions, keeps a split from losing all its rows, writes the sanitized images, or lets an audit
    without duplicates fail on the first one, unless its images cannot be compared.
    """
    open_pairs = report.label_conflicts.open or any(of.undecided for of in report.states)
    if open_pairs or (report.emptied and report.spec.protect == "test"):
        words = ["review", *spec.arguments("workspace")]
    elif report.emptied:
        words = ["sanitize", "--protect=test", *spec.arguments("workspace")]
    elif report.drawing is not None or report.rows != report.sanitized.near:
        words = ["apply", f"--link={folder_for(report)}", *spec.arguments("workspace")]
    elif isinstance(spec, AuditSpec) and spec.max_overlap is None and not report.incomparable:
        words = ["audit", *spec.arguments(), "--max-overlap=0"]
    elif isinstance(spec, DedupeSpec) and spec.max_duplicates is None and not report.incomparable:
        words = ["dedupe", *spec.arguments(), "--max-duplicates=0"]
    else:
        words = ["export", "--format=folder", *spec.arguments("workspace")]
    return shlex.join(["cleansplit", *words])


def print_benchmarks(found: Benchmarks, page: str, console: Console) -> None:
    """Print the table of several benchmarks, and the paths of their page and of the train images to remove."""
    rows = summary.benchmark_rows(found.reports)
    console.print(table_of("Benchmarks, and the train images with a duplicate in each", rows))
    console.print(f"to remove   {found.where}/train_removals.parquet\nreport      {page}", **AS_IS)


def print_tables(report: Report, console: Console) -> None:
    """Print rows, overlap and accuracy in tables, and all that was found in sentences."""
    numbers = Numbers(report)
    for title, rows in summary.tables_of(numbers, ("raw", "near", "removed"), SHOWN).values():
        console.print(table_of(title, rows))
    console.print(*facts(numbers), sep="\n", **AS_IS)


def as_text(report: Report) -> str:
    """Return the answer and the tables of rows and overlap, to print."""
    console = Console(file=io.StringIO(), width=WIDTH, force_jupyter=False, force_terminal=False)
    numbers = Numbers(report)
    for title, rows in [*summary.tables_of(numbers).values()][:SHORT]:
        console.print(table_of(title, rows))
    console.print(answer(numbers), highlight=False, markup=False)
    console.print(report.where, **AS_IS)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def table_of(title: str, rows: Sequence[Mapping[str, str]]) -> Table:
    """Return a table to print; columns that begin with a number are on the right, and wide values wrap."""
    table = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, value in rows[0].items():
        text = not value[:1].isdigit() and value != DASH
        table.add_column(name, justify="left" if text else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row.values()))
    return table
