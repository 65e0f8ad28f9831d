"""The findings of a run in tables, and as one Markdown text for Prefect and for the run's README."""

from collections.abc import Iterable, Sequence
from typing import Any

from tasks.presenting.words import DASH, Numbers, facts, sentences
from tasks.records import Report
from tasks.records.rows import PairOverlap
from tasks.vocabulary import SPLITS, Comparison

SUBSETS = {
    "raw": "raw",
    "exact": "without identical",
    "near": "sanitized",
    "removed": "removed rows",
    "random": "random rows removed",
}
COMPARISONS: dict[Comparison, str] = {
    "raw_minus_sanitized": "raw - sanitized",
    "on_rows_with_twin": "on rows with a duplicate",
    "on_other_rows": "on other rows",
    "effect_of_twins": "effect of the duplicates",
}
OVERLAP = "Overlap: rows with a duplicate in another split; conflicts have one with another label"
CLAIMS = "Accuracy on test rows in percent by how splits are drawn, with 95 % intervals: one training each"
DIFFERENCES = "Differences of accuracy in points, each with 95 % intervals, not corrected for multiple comparisons"
WAYS = {"random": "random", "random_sanitized": "random, sanitized", "grouped": "grouped"}  # of drawing
BAND = {  # columns of the best matches of searched rows, and of matches without a leak
    "rows": "rows", "share": "share", "other class": "other_class", "precision": "precision",
    "train in train": "baseline", "random": "random",
}  # fmt: skip
GROUPS = ("rows", "groups", "exact", "near", "largest", "undecided", "chains", "conflicts")  # columns
TableRows = list[dict[str, str]]
Tables = dict[str, tuple[str, TableRows]]  # with their titles


def split_rows(numbers: Numbers) -> TableRows:
    """Return the rows of each split before and after sanitizing."""
    report = numbers.report
    return [
        {
            "split": name,
            "raw rows": numbers(report.rows, name),
            "distinct images": numbers(report.within_split(name), "distinct"),
            "without identical": numbers(report.sanitized.exact, name),
            "sanitized": numbers(report.sanitized.near, name),
        }
        for name in SPLITS
        if report.rows[name]
    ]


def overlap_rows(numbers: Numbers) -> TableRows:
    """Return the overlap of all ordered pairs of splits, one row each; of unlabelled rows no conflicts are known."""
    report, known = numbers.report, numbers.report.labelled
    return [
        {"rows of": pair.rows_of, "in": pair.found_in}
        | _counts(numbers, pair)
        | {"conflicts": numbers(pair, "cross_class") if known(pair.rows_of) and known(pair.found_in) else DASH}
        for pair in report.overlap
        if report.rows[pair.rows_of] and report.rows[pair.found_in]
    ]


def group_rows(numbers: Numbers) -> TableRows:
    """Return the groups of duplicates inside each split that has rows, one row each."""
    return [
        {"inside": "the set" if numbers.report.alone else of.split} | {name: numbers(of, name) for name in GROUPS}
        for of in numbers.report.duplicates
        if of.method and of.rows
    ]


def band_rows(numbers: Numbers) -> TableRows:
    """Return the best matches of searched rows by similarity, the most similar first."""
    return [
        {"similarity": _range(numbers, band)} | {name: numbers(band, field) for name, field in BAND.items()}
        for band in reversed(numbers.report.verdict.bands)
    ]


def judged_rows(numbers: Numbers) -> TableRows:
    """Return the decisions of people about pairs by similarity, most similar first, and the prediction."""
    judged = numbers.report.judged
    return [
        {"similarity": _range(numbers, band), "judged": numbers(band, "judged"), "same": numbers(band, "same")}
        | {"share": numbers.share(band, "same", "judged"), "predicted precision": numbers(band, "precision")}
        for band in reversed(judged.bands if judged else ())
    ]


def accuracy_rows(numbers: Numbers, subsets: Sequence[str]) -> TableRows:
    """Return accuracy on test rows in percent with 95 % intervals, one row per model and training size."""
    seed, where = numbers.report.spec.settings().get("seed"), {f"test_{name}": SUBSETS[name] for name in subsets}
    scores = [score for score in numbers.report.scores if score.arm == "with_twins" and score.seed == seed]
    found = [(where[score.evaluated_on], score) for score in scores if score.evaluated_on in where]
    return _by_model(numbers, found, "accuracy", where.values(), "-")


def _by_model(
    numbers: Numbers, found: Iterable[tuple[str, Any]], name: str, columns: Iterable[str], to: str = " to "
) -> TableRows:
    """Return one row per model and training size; a cell of a column without an interval is empty."""
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for column, one in found:
        about = {"model": one.model, "train rows": numbers(one, "train_rows")} | dict.fromkeys(columns, DASH)
        row = rows.setdefault((one.model, one.train_rows), about)
        if one.low is not None:
            row[column] = f"{numbers(one, name)} ({_range(numbers, one, to)})"
    return list(rows.values())


def _range(numbers: Numbers, row: Any, to: str = " to ") -> str:
    return f"{numbers(row, 'low')}{to}{numbers(row, 'high')}"


def benchmark_rows(reports: Sequence[Report]) -> TableRows:
    """Return the overlap of each benchmark with train; the last column counts the train images with a duplicate."""
    return [
        {"benchmark": str(report.spec.settings()["test"])}
        | _counts(Numbers(report), report.pair("test", "train"))
        | {"train": Numbers(report)(report.pair("train", "test"), "either")}
        for report in reports
    ]


def _counts(numbers: Numbers, pair: PairOverlap) -> dict[str, str]:
    counts = {name: numbers(pair, name) for name in ("rows", "exact", "near")}
    return counts | {"share": numbers.share(pair, "either"), "undecided": numbers(pair, "undecided")}


def tables_of(
    numbers: Numbers, subsets: Sequence[str] = tuple(SUBSETS), comparisons: Sequence[Comparison] = tuple(COMPARISONS)
) -> Tables:
    """Return the tables of a report that have rows: first rows and overlap, or of a single set its groups."""
    alone, drawing = numbers.report.alone, numbers.report.drawing
    columns = {name: COMPARISONS[name] for name in comparisons}
    claims = [(WAYS[one.drawn], one) for one in drawing.claims] if drawing else []
    effects = [(columns[one.comparison], one) for one in numbers.report.effects if one.comparison in columns]
    tables = {
        "splits": ("Rows of each split", [] if alone else split_rows(numbers)),
        "overlap": (OVERLAP, [] if alone else overlap_rows(numbers)),
        "groups": (f"Groups of duplicates inside {'the set' if alone else 'each split'}", group_rows(numbers)),
        "similarity": ("Best matches that are not identical, by similarity", band_rows(numbers)),
        "judged": ("Pairs that people looked at, by similarity", judged_rows(numbers)),
        "claims": (CLAIMS, _by_model(numbers, claims, "accuracy", WAYS.values())),
        "accuracy": ("Accuracy on test rows in percent, with 95 % intervals", accuracy_rows(numbers, subsets)),
        "effects": (DIFFERENCES, _by_model(numbers, effects, "points", columns.values())),
    }
    return {name: table for name, table in tables.items() if table[1]}


def to_markdown(numbers: Numbers) -> str:
    """Return the summary as Markdown."""
    said = [line for macro in ("qualifications", "missed", "next_steps") for line in sentences(numbers, macro)]
    parts = [f"## {' '.join(sentences(numbers, 'in_short'))}", "\n".join(f"- {sentence}" for sentence in said)]
    for title, rows in tables_of(numbers).values():
        lines = [" | ".join(row) for row in (rows[0], ["---"] * len(rows[0]), *(row.values() for row in rows))]
        parts.append(f"### {title}\n\n" + "\n".join(f"| {line} |" for line in lines))
    return "\n\n".join([*parts, "\n".join(f"- {one}" for one in facts(numbers) if one not in said)]) + "\n"
