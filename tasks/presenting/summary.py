"""What a run found, in tables, and as one Markdown text for Prefect and for the run's README."""

from collections.abc import Sequence
from typing import Any

from tasks.presenting.inside import group_rows
from tasks.presenting.numbers import NOTHING, Numbers
from tasks.presenting.words import facts, headline
from tasks.vocabulary import SPLITS, Comparison

SUBSETS = {
    "raw": "raw",
    "exact": "without exact twins",
    "near": "sanitized",
    "removed": "removed rows",
    "random": "random rows removed",
}
COMPARISONS: dict[Comparison, str] = {
    "raw_minus_sanitized": "raw - sanitized",
    "on_rows_with_twin": "on rows with a twin",
    "on_other_rows": "on other rows",
    "effect_of_twins": "effect of the twins",
}
DIFFERENCES = "Differences of accuracy in points, each with a 95 % interval of its own: single looks"
CLAIMS = "Accuracy in percent by how splits are drawn, with 95 % intervals: one training each"
WAYS = {"random": "random", "random_sanitized": "random, sanitized", "grouped": "grouped"}  # of drawing
JUDGED = "Pairs that people looked at, by similarity"
TableRows = list[dict[str, str]]


def split_rows(numbers: Numbers) -> TableRows:
    """Return the rows of each split before and after sanitizing."""
    report = numbers.report
    return [
        {
            "split": name,
            "raw rows": numbers(report.rows, name),
            "distinct images": numbers(report.within_split(name), "distinct"),
            "without exact twins": numbers(report.sanitized.exact, name),
            "sanitized": numbers(report.sanitized.near, name),
        }
        for name in SPLITS
        if report.rows[name]
    ]


def overlap_rows(numbers: Numbers) -> TableRows:
    """Return the overlap of all ordered pairs of splits, one row each; of unlabelled rows no conflicts are known."""
    known = numbers.report.labelled
    return [
        {
            "rows of": pair.rows_of,
            "in": pair.found_in,
            **{name: numbers(pair, name) for name in ("rows", "exact", "near")},
            "share": numbers.share(pair, "either"),
            "undecided": numbers(pair, "undecided"),
            "conflicts": numbers(pair, "cross_class") if known(pair.rows_of) and known(pair.found_in) else NOTHING,
        }
        for pair in numbers.report.overlap
        if numbers.report.rows[pair.rows_of] and numbers.report.rows[pair.found_in]
    ]


def band_rows(numbers: Numbers) -> TableRows:
    """Return the best matches of searched rows by similarity, the most similar first, beside what is no leak."""
    return [
        {
            "similarity": f"{numbers(band, 'low')} to {numbers(band, 'high')}",
            "rows": numbers(band, "rows"),
            "share": numbers(band, "share"),
            "other class": numbers(band, "other_class"),
            "precision": numbers(band, "precision"),
            "train in train": numbers(band, "baseline"),
            "random": numbers(band, "random"),
        }
        for band in reversed(numbers.report.verdict.bands)
    ]


def accuracy_rows(numbers: Numbers, subsets: Sequence[str] = tuple(SUBSETS)) -> TableRows:
    """Return accuracy on test rows in percent with 95 % intervals, one row per model and training size."""
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for score in numbers.report.scores:
        split, _, subset = score.evaluated_on.partition("_")
        first = score.arm == "with_twins" and score.seed == numbers.report.spec.settings().get("seed")
        if split == "test" and first and subset in subsets:
            about = {"model": score.model, "train rows": numbers(score, "train_rows")}
            row = rows.setdefault((score.model, score.train_rows), about)
            row[SUBSETS[subset]] = _interval(numbers, score, "accuracy", NOTHING) if score.n else NOTHING
    return list(rows.values())


def effect_rows(numbers: Numbers, comparisons: Sequence[Comparison] = tuple(COMPARISONS)) -> TableRows:
    """Return the comparisons in percentage points with 95 % intervals, one row per model and training size."""
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for effect in numbers.report.effects:
        if effect.comparison in comparisons:
            none = dict.fromkeys((COMPARISONS[name] for name in comparisons), NOTHING)
            about = {"model": effect.model, "train rows": numbers(effect, "train_rows")} | none
            row = rows.setdefault((effect.model, effect.train_rows), about)
            if effect.points is not None:
                row[COMPARISONS[effect.comparison]] = _interval(numbers, effect, "points", " to ")
    return list(rows.values())


def claim_rows(numbers: Numbers) -> TableRows:
    """Return the accuracy that each way of drawing claims, in percent with 95 % intervals, one row per model."""
    rows: dict[str, dict[str, str]] = {}
    for claim in numbers.report.drawing.claims if numbers.report.drawing else ():
        about = {"model": claim.model, "train rows": numbers(claim, "train_rows")}
        row = rows.setdefault(claim.model, about | dict.fromkeys(WAYS.values(), NOTHING))
        row[WAYS[claim.drawn]] = _interval(numbers, claim, "accuracy", " to ") if claim.n else NOTHING
    return list(rows.values())


def judged_rows(numbers: Numbers) -> TableRows:
    """Return what people decided about pairs by their similarity, the most similar first, beside what was predicted."""
    judged = numbers.report.judged
    return [
        {
            "similarity": f"{numbers(band, 'low')} to {numbers(band, 'high')}",
            "judged": numbers(band, "judged"),
            "same": numbers(band, "same"),
            "share": numbers.share(band, "same", "judged"),
            "predicted precision": numbers(band, "precision"),
        }
        for band in (reversed(judged.bands) if judged else ())
    ]


def tables_of(numbers: Numbers) -> list[tuple[str, TableRows]]:
    """Return the tables of rows and overlap that a report has, with their titles; of one set alone only its groups."""
    between = [("Rows", split_rows(numbers)), ("Overlap", overlap_rows(numbers))]
    title = "Groups of duplicates" if numbers.report.alone else "Groups of duplicates inside each split"
    always = [
        (title, group_rows(numbers)),
        ("Best matches that are not identical, by similarity", band_rows(numbers)),
        (JUDGED, judged_rows(numbers)),
    ]
    return [pair for pair in [*([] if numbers.report.alone else between), *always] if pair[1]]


def to_markdown(numbers: Numbers) -> str:
    """Return the summary as Markdown."""
    parts = [f"## {headline(numbers)}"]
    for title, rows in (
        *tables_of(numbers),
        (CLAIMS, claim_rows(numbers)),
        ("Accuracy in percent", accuracy_rows(numbers)),
        (DIFFERENCES, effect_rows(numbers)),
    ):
        if rows:
            lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
            lines += [" | ".join(row.values()) for row in rows]
            parts.append(f"### {title}\n\n" + "\n".join(f"| {line} |" for line in lines))
    return "\n\n".join([*parts, "\n".join(f"- {sentence}" for sentence in facts(numbers))]) + "\n"


def _interval(numbers: Numbers, row: Any, name: str, to: str) -> str:
    estimate, low, high = (numbers(row, part) for part in (name, "low", "high"))
    return f"{estimate} ({low}{to}{high})"
