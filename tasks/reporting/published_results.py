"""Compare published figures about a data set with the figures of a run."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console

from tasks.presenting.terminal import table_of
from tasks.records import Report
from tasks.storage import tables
from tasks.storage.workspace import run_at

Verdict = Literal["equal", "different", "not checked"]


@dataclass(frozen=True)
class Figure:
    """A published figure, the measured one, if any, and the tolerance for equality."""

    name: str
    published: Any
    measured: Any
    within: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Whether the figures are equal."""
        if self.measured is None:
            return "not checked"
        if isinstance(self.published, float):
            return "equal" if abs(self.measured - self.published) <= self.within + 1e-12 else "different"
        return "equal" if self.measured == self.published else "different"


def members(report: Report, role: str, column: str, class_name: str | None = None) -> int | None:
    """Return a count of members of a source, in one class or in all."""
    rows = [row for row in report.conservation if row.role == role and class_name in (None, row.class_name)]
    return sum(getattr(row, column) for row in rows) if rows else None


def unreadable(report: Report, role: str) -> tuple[str, ...]:
    """Return the quarantined members of a source."""
    rows = tables.read(run_at(report.run) / "quarantine.parquet").to_pylist()
    found = [row for row in rows if row["role"] == role and row["outcome"] == "quarantined"]
    return tuple(sorted(f"{row['class_name']}/{row['member']}" for row in found))


def moment(report: Report, role: str, column: str, class_name: str | None = None) -> float | None:
    """Return the mean or the standard deviation (``std``) of normalized pixels, in one class or in all."""
    rows = [row for row in report.conservation if row.role == role and row.accepted]
    if class_name:
        return next((float(getattr(row, column)) for row in rows if row.class_name == class_name), None)
    total = sum(row.accepted for row in rows)
    if not total:
        return None
    mean = sum(row.accepted * (row.mean or 0) for row in rows) / total
    square = sum(row.accepted * ((row.std or 0) ** 2 + (row.mean or 0) ** 2) for row in rows) / total
    return mean if column == "mean" else math.sqrt(square - mean**2)


def accuracy(report: Report, model: str, rows: int) -> float | None:
    """Return the accuracy of a model on raw test rows, to four decimals as published."""
    wanted = model, rows, report.spec.settings().get("seed")
    scores = [s for s in report.raw_scores() if (s.model, s.train_rows, s.seed) == wanted]
    return next((round(s.accuracy, 4) for s in scores if s.accuracy is not None), None)


def print_figures(figures: Sequence[Figure], console: Console) -> None:
    """Print published and measured figures."""
    rows = [
        {"figure": one.name, "published": _text(one.published), "measured": _text(one.measured), "verdict": one.verdict}
        for one in figures
    ]
    console.print(table_of("Published figures", rows))
    counts = Counter(figure.verdict for figure in figures)
    console.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()), highlight=False)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return f"{len(value)}: {', '.join(value)}"
    return f"{value:.8g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
