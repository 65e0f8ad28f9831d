"""What people see of a run in the terminal."""

import io
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tasks.presenting.numbers import NOTHING, Numbers
from tasks.presenting.summary import CLAIMS, DIFFERENCES, accuracy_rows, claim_rows, effect_rows, tables_of
from tasks.presenting.words import answer, facts
from tasks.records import Report
from tasks.vocabulary import Comparison

WIDTH, SHORT = 100, 2  # columns of a text; tables of it
SHOWN: tuple[Comparison, ...] = ("raw_minus_sanitized", "effect_of_twins")  # more columns are too wide


def print_summary(report: Report, console: Console) -> None:
    """Print rows, overlap and accuracy to a terminal."""
    numbers = Numbers(report)
    for title, rows in (
        *tables_of(numbers),
        (CLAIMS, claim_rows(numbers)),
        ("Accuracy on test rows in percent, with 95 % intervals", accuracy_rows(numbers, ("raw", "near", "removed"))),
        (DIFFERENCES, effect_rows(numbers, SHOWN)),
    ):
        if rows:
            console.print(_table(title, rows))
    for sentence in (*facts(numbers), answer(numbers)):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def as_text(report: Report) -> str:
    """Return the answer and the tables of rows and overlap, to print."""
    console = Console(file=io.StringIO(), width=WIDTH, force_jupyter=False, force_terminal=False)
    numbers = Numbers(report)
    for title, rows in tables_of(numbers)[:SHORT]:
        console.print(_table(title, rows))
    console.print(answer(numbers), highlight=False, markup=False)
    console.print(report.where, highlight=False, markup=False, soft_wrap=True)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def _table(title: str, rows: Sequence[Mapping[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, value in rows[0].items():
        text = not value[:1].isdigit() and value != NOTHING
        table.add_column(name, justify="left" if text else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    return table
