"""Compare the published figures of notMNIST, from public notebooks of its course, with the figures of a run.

Commits are cited. The notebooks that agree on the overlap drew their splits with one recipe, ``--recipe course``.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import yaml
from rich.console import Console

from tasks.presenting.terminal import table_of
from tasks.records import Report
from tasks.storage import tables
from tasks.storage.workspace import run_at
from tasks.vocabulary import SplitName

PUBLISHED = yaml.safe_load(files("tasks.reporting").joinpath("published_figures.yaml").read_text())
SAME_ACCURACY = 0.002  # other versions of the solver stop at slightly different points
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
        near = isinstance(self.published, float) and abs(self.measured - self.published) <= self.within + 1e-12
        return "equal" if near or self.measured == self.published else "different"


def figures(report: Report) -> list[Figure]:
    """Compare all published figures with a run, which reproduces them with ``--recipe course`` on the archives."""
    return [*_files(report), *_moments(report), *_overlap(report), *_scores(report)]


def _files(report: Report) -> Iterator[Figure]:
    for source in report.inputs:
        role, archive = source.role, PUBLISHED["archives"][source.role]
        yield Figure(f"bytes of the {role} archive", archive["bytes"], source.bytes)
        yield Figure(f"sha256 of the {role} archive", archive["sha256"], source.sha256)
        yield Figure(f"members of {role}", archive["members"], members(report, role, "members"))
        yield Figure(f"readable images of {role}", archive["accepted"], members(report, role, "accepted"))
        for letter, rows in zip("ABCDEFGHIJ", PUBLISHED["readable"][role], strict=True):
            yield Figure(f"readable images of {role} {letter}", rows, members(report, role, "accepted", letter))
        own = [("role", "=", role), ("outcome", "=", "quarantined")]
        refused = tables.read(run_at(report.run) / "quarantine.parquet", filters=own).to_pylist()
        names = sorted(f"{row['class_name']}/{row['member']}" for row in refused)
        yield Figure(f"unreadable members of {role}", PUBLISHED["unreadable"][role], names)


def _moments(report: Report) -> Iterator[Figure]:
    for role, printed in PUBLISHED["moments"].items():
        for letter, pair in zip((*"ABCDEFGHIJ", None), printed, strict=True):
            for column, text in zip(("mean", "std"), pair.split(), strict=True):
                unit = 10.0 ** -len(text.partition(".")[2])  # of the last printed digit
                name = f"{column} of {role} {letter or 'as a whole'}"
                yield Figure(name, float(text), moment(report, role, column, letter), unit)


def _overlap(report: Report) -> Iterator[Figure]:
    # Arn-O@6bb44ad, AGhiuta@c2bbc42, AravindaDP@519e310, AlexanderYogurt@7d1fe20, Krids@43463e1
    yield Figure("test rows with a duplicate in train", 1_324, report.pair("test", "train").exact)
    yield Figure("validation rows with a duplicate in train", 1_067, report.pair("validation", "train").exact)
    # AravindaDP@519e310, AGhiuta@c2bbc42, AparaV@50a0dbe
    yield Figure("test rows with a duplicate in validation", 200, report.pair("test", "validation").exact)
    yield Figure("validation rows with a duplicate in test", 153, report.pair("validation", "test").exact)
    yield Figure("train rows with a duplicate in test", 3_622, report.pair("train", "test").exact)
    # JackDragon@27256b3, AntonOsika@579c96f
    yield Figure("distinct images in train and test", 1_153, report.pair("test", "train").distinct_exact)
    yield Figure("distinct images in train and validation", 953, report.pair("validation", "train").distinct_exact)
    yield Figure("distinct images in validation and test", 55, report.pair("test", "validation").distinct_exact)
    rows_of: dict[SplitName, int] = {"train": 187_217, "validation": 9_872, "test": 9_780}
    for split, rows in rows_of.items():
        yield Figure(f"distinct images of {split}", rows, report.within_split(split).distinct)
    # AlexanderYogurt@7d1fe20, AravindaDP@519e310
    left, without = report.sanitized.exact, report.rows.test - report.pair("test", "train").exact
    yield Figure("validation rows without a duplicate in train", 8_933, left.validation)
    yield Figure("test rows without a duplicate in train", 8_676, without)
    yield Figure("test rows without a duplicate in train or validation", 8_639, left.test)


def _scores(report: Report) -> Iterator[Figure]:
    for rows, value in PUBLISHED["accuracies"].items():
        name = f"accuracy of softmax on {rows:,} rows (within {SAME_ACCURACY})"
        yield Figure(name, value, accuracy(report, "softmax", rows), SAME_ACCURACY)


def members(report: Report, role: str, column: str, class_name: str | None = None) -> int | None:
    """Return a count of members of a source, in one class or in all."""
    rows = [row for row in report.conservation if row.role == role and class_name in (None, row.class_name)]
    return sum(getattr(row, column) for row in rows) if rows else None


def moment(report: Report, role: str, column: str, class_name: str | None = None) -> float | None:
    """Return the mean or the standard deviation (``std``) of normalized pixels, in one class or in all."""
    rows = [row for row in report.conservation if row.role == role and class_name in (None, row.class_name)]
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
    if isinstance(value, list):
        return f"{len(value)}: {', '.join(value)}"
    return f"{value:.8g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
