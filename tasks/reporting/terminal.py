"""What people see of a run in the terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.records import Report
from tasks.reporting.changes import Change
from tasks.reporting.published import Checked
from tasks.reporting.summary import (
    CAUSAL,
    accuracy_rows,
    effect_in_short,
    effect_rows,
    facts,
    headline,
    overlap_rows,
    split_rows,
)

SHOWN = ("raw_minus_sanitized", CAUSAL)


def print_summary(report: Report, console: Console) -> None:
    """Print rows, overlap and accuracy to a terminal."""
    tables = (
        ("Rows", split_rows(report)),
        ("Overlap", overlap_rows(report)),
        ("Accuracy on test rows in percent, with 95 % intervals", accuracy_rows(report, ("raw", "near", "removed"))),
        ("Differences of accuracy on test rows in points, with 95 % intervals", effect_rows(report, SHOWN)),
    )
    for title, rows in tables:
        if rows:
            console.print(_table(title, rows))
    for sentence in facts(report):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"{headline(report)} {effect_in_short(report)}".strip(), highlight=False, markup=False, soft_wrap=True
    )


def print_checked(checked: Sequence[Checked], console: Console) -> None:
    """Print published figures beside measured ones."""
    table = Table(title="Published figures", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name in ("figure", "published", "measured"):
        table.add_column(name, justify="left" if name == "figure" else "right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    colours = {"equal": "green", "different": "red", "not checked": "dim"}
    for figure in checked:
        shown = [_figure(value) for value in (figure.published, figure.measured)]
        table.add_row(escape(figure.name), *map(escape, shown), figure.verdict, style=colours[figure.verdict])
    console.print(table)
    counts = Counter(figure.verdict for figure in checked)
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()), highlight=False)


def print_changes(found: Sequence[Change], console: Console) -> None:
    """Print what changed between two runs, or that nothing did."""
    if not found:
        console.print("Nothing changed: the two runs found the same.")
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "what", "before", "after"):
        table.add_column(name, overflow="fold", justify="right" if name in ("before", "after") else "left")
    for change in found:
        table.add_row(*map(escape, (change.group, change.name, change.one, change.other)))
    console.print(table)


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return f"{len(value)}: {', '.join(value)}"
    return f"{value:.8g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _table(title: str, rows: list[dict[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, value in rows[0].items():
        text = isinstance(value, str) and not value[:1].isdigit() and value != "-"
        table.add_column(name, justify="left" if text else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row.values())
    return table
