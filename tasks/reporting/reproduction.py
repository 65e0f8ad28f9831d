"""Published figures beside measured ones, in the terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.reporting.published_results import Checked


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


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return f"{len(value)}: {', '.join(value)}"
    return f"{value:.8g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
