"""Figures that others published about a data set, beside those of a run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.records import Report
from tasks.storage import tables
from tasks.storage.workspace import run_at
from tasks.vocabulary import SplitName

Measure = Callable[[Report], Any]
Verdict = Literal["equal", "different", "not checked"]


@dataclass(frozen=True)
class Published:
    """A published figure, how to find it in a report, and how far apart two equal ones may lie."""

    name: str
    value: Any
    measure: Measure
    within: float = 0.0


@dataclass(frozen=True)
class Checked:
    """A published figure beside the measured one."""

    name: str
    published: Any
    measured: Any
    verdict: Verdict


def check(report: Report, figures: Sequence[Published]) -> list[Checked]:
    """Compare a run with published figures; one that the run does not have is not checked."""
    checked = []
    for figure in figures:
        measured = figure.measure(report)
        verdict: Verdict = "not checked"
        if measured is not None:
            verdict = "equal" if _equal(figure, measured) else "different"
        checked.append(Checked(figure.name, figure.value, measured, verdict))
    return checked


def _equal(figure: Published, measured: Any) -> bool:
    if isinstance(figure.value, float):
        return abs(measured - figure.value) <= figure.within + 1e-12
    return bool(measured == figure.value)


def source(role: str, name: str) -> Measure:
    """Measure a fact about an archive: its bytes or its sha256."""
    return lambda report: next((getattr(entry, name) for entry in report.inputs if entry.role == role), None)


def members(role: str, column: str, class_name: str | None = None) -> Measure:
    """Measure a count of members, of one class or of all."""

    def measure(report: Report) -> int | None:
        rows = [row for row in report.conservation if row.role == role and class_name in (None, row.class_name)]
        return sum(getattr(row, column) for row in rows) if rows else None

    return measure


def unreadable(role: str) -> Measure:
    """Measure which members were quarantined."""

    def measure(report: Report) -> tuple[str, ...]:
        rows = tables.read(run_at(report.run) / "quarantine.parquet").to_pylist()
        found = [row for row in rows if row["role"] == role and row["outcome"] == "quarantined"]
        return tuple(sorted(f"{row['class_name']}/{row['member']}" for row in found))

    return measure


def moment(role: str, column: str, class_name: str | None = None) -> Measure:
    """Measure mean or standard deviation of normalized pixels, of one class or of all."""

    def measure(report: Report) -> float | None:
        rows = [row for row in report.conservation if row.role == role and row.accepted]
        if class_name:
            return next((float(getattr(row, column)) for row in rows if row.class_name == class_name), None)
        total = sum(row.accepted for row in rows)
        if not total:
            return None
        mean = sum(row.accepted * (row.mean or 0) for row in rows) / total
        square = sum(row.accepted * ((row.std or 0) ** 2 + (row.mean or 0) ** 2) for row in rows) / total
        return mean if column == "mean" else math.sqrt(square - mean**2)

    return measure


def twins(rows_of: SplitName, found_in: SplitName, column: str = "exact") -> Measure:
    """Measure the exact overlap of two splits."""
    return lambda report: getattr(report.pair(rows_of, found_in), column)


def distinct(split: SplitName) -> Measure:
    """Measure the distinct images of a split."""
    return lambda report: report.within_split(split).distinct


def left(split: SplitName) -> Measure:
    """Measure the rows that a split keeps when exact twins go."""
    return lambda report: report.sanitized.exact[split]


def without(rows_of: SplitName, found_in: SplitName) -> Measure:
    """Measure the rows of a split without those that have an exact twin in one other."""
    return lambda report: report.rows[rows_of] - report.pair(rows_of, found_in).exact


def accuracy(model: str, rows: int) -> Measure:
    """Measure the accuracy of a model on raw test rows, to four places as it was published."""

    def measure(report: Report) -> float | None:
        wanted = model, rows, report.spec.settings().get("seed")
        scores = [s for s in report.raw_scores() if (s.model, s.train_rows, s.seed) == wanted]
        return next((round(s.accuracy, 4) for s in scores if s.accuracy is not None), None)

    return measure


def nothing(_report: Report) -> None:
    """Measure nothing: the figure depends on something that a run does not have."""
