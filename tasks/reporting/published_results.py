"""Compare the published figures of notMNIST, from public notebooks of its course, with the figures of a run.

Commits are cited. The notebooks that agree on the overlap drew their splits with one recipe, ``--recipe course``.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console

from tasks.presenting.terminal import table_of
from tasks.records import Report
from tasks.storage import tables
from tasks.storage.workspace import run_at
from tasks.vocabulary import SplitName

ARCHIVES = {  # bytes, sha256, members, readable: wangruowen@645917f, CharlesHolbrow@045f071, AGhiuta@c2bbc42
    "large": (247_336_696, "1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c", 529_119, 529_114),
    "small": (8_458_043, "76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec", 18_726, 18_724),
}
READABLE = {  # per class, A to J: AGhiuta@c2bbc42, FilipLangr@48a6ebc
    "large": (52_909, 52_911, 52_912, 52_911, 52_912, 52_912, 52_912, 52_912, 52_912, 52_911),
    "small": (1_872, 1_873, 1_873, 1_873, 1_873, 1_872, 1_872, 1_872, 1_872, 1_872),
}
UNREADABLE = {  # CharlesHolbrow@045f071, Itsukara@d75a5d6
    "large": (
        "A/RnJlaWdodERpc3BCb29rSXRhbGljLnR0Zg==.png",
        "A/SG90IE11c3RhcmQgQlROIFBvc3Rlci50dGY=.png",
        "A/Um9tYW5hIEJvbGQucGZi.png",
        "B/TmlraXNFRi1TZW1pQm9sZEl0YWxpYy5vdGY=.png",
        "D/VHJhbnNpdCBCb2xkLnR0Zg==.png",
    ),
    "small": ("A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png", "F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png"),
}
MOMENTS = {  # mean and standard deviation as printed, A to J: Itsukara@d75a5d6; all: CharlesHolbrow@045f071
    "large": (
        "-.12825 .44312", "-.00756 .454491", "-.142258 .439806", "-.0573678 .455648", "-.0698991 .452941",
        "-.125583 .447089", "-.0945813 .44624", "-.0685221 .454232", ".0307862 .468898", "-.153359 .443657",
        "-.081659585 .45423251",
    ),
    "small": (
        "-.132626 .445128", ".00535608 .457115", "-.141521 .44269", "-.0492167 .459759", "-.0599148 .45735",
        "-.118185 .452279", "-.0925503 .449006", "-.0586893 .458759", ".0526451 .471893", "-.151689 .448014",
        "-.074636243 .45862216",
    ),
}  # fmt: skip
ACCURACIES = {50: 0.4849, 100: 0.7136, 1000: 0.8425, 5000: 0.8464, 200_000: 0.9006}  # Krids@43463e1
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
        role, (size, sha256, count, readable) = source.role, ARCHIVES[source.role]
        yield Figure(f"bytes of the {role} archive", size, source.bytes)
        yield Figure(f"sha256 of the {role} archive", sha256, source.sha256)
        yield Figure(f"members of {role}", count, members(report, role, "members"))
        yield Figure(f"readable images of {role}", readable, members(report, role, "accepted"))
        for letter, rows in zip("ABCDEFGHIJ", READABLE[role], strict=True):
            yield Figure(f"readable images of {role} {letter}", rows, members(report, role, "accepted", letter))
        own = [("role", "=", role), ("outcome", "=", "quarantined")]
        refused = tables.read(run_at(report.run) / "quarantine.parquet", filters=own).to_pylist()
        names = tuple(sorted(f"{row['class_name']}/{row['member']}" for row in refused))
        yield Figure(f"unreadable members of {role}", UNREADABLE[role], names)


def _moments(report: Report) -> Iterator[Figure]:
    for role, printed in MOMENTS.items():
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
    for rows, value in ACCURACIES.items():
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
    if isinstance(value, tuple):
        return f"{len(value)}: {', '.join(value)}"
    return f"{value:.8g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
