"""What a run found, in words and rows: for the terminal, for Prefect, for the README and for the page.

Every number goes through `show`, by its key (see `tasks.reporting.numbers`), so that all who tell it tell the same.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tasks.records import SPLITS, Report
from tasks.reporting.numbers import Show, measure, place, plain

SUBSETS = {
    "raw": "raw",
    "exact": "without exact twins",
    "near": "sanitized",
    "removed": "removed rows",
    "random": "as many random rows removed",
}
CAUSAL = "without_random_minus_without_twins"
COMPARISONS = {
    "raw_minus_sanitized": "raw - sanitized",
    "all_minus_without_twins": "all - without twins",
    CAUSAL: "random - twins left out",
}
LEAK = {"rows_of": "test", "found_in": "train"}
ROWS_THAT_COUNT = 30  # the course's rule: a change of fewer rows is noise
Rows = list[dict[str, str]]


def headline(report: Report, show: Show | None = None) -> str:
    """Return the answer in two sentences."""
    show = show or plain(report)
    leak = place(report, "overlap", **LEAK)
    return (
        f"{show(f'{leak}.exact / {leak}.rows', 'percent')} of the {show(f'{leak}.rows', 'count')} test rows have an "
        f"identical image in train, and {show(f'{leak}.near / {leak}.rows', 'percent')} more a near-duplicate "
        f"(similarity {show('near_duplicates.threshold', 'similarity')} or higher). Without what test shares with "
        f"train and validation, {show('sanitized.near.test', 'count')} rows are left."
    )


def effect_in_short(report: Report, show: Show | None = None) -> str:
    """Say in one sentence what the twins did to accuracy, at the largest size of each model; empty without training."""
    show = show or plain(report)
    found, none = [], []
    for model, number in _largest(report).items():
        effect = report.effects[number]
        if effect["low"] <= 0 <= effect["high"]:
            none.append(model)
        else:
            found.append(f"{show(f'effects.{number}.points', 'points')} points for {model}")
    said = [", ".join(found)] if found else []
    if none:
        said.append(f"none that can be told from chance for {' and '.join(none)}")
    return f"The measured effect of the twins on accuracy is {'; '.join(said)}." if said else ""


def facts(report: Report, show: Show | None = None) -> list[str]:
    """Return all else that was found, one sentence each."""
    return findings(report, show) + verdicts(report, show)


def findings(report: Report, show: Show | None = None) -> list[str]:
    """Return what was found of the input and the overlap, one sentence each."""
    show = show or plain(report)
    conflicts, fonts = (place(report, name, **LEAK) for name in ("label_conflicts", "font_leakage"))
    refused = f"{show('conservation.*.quarantined', 'count')} are quarantined and "
    found = [
        f"Of {show('conservation.*.members', 'count')} members {refused}{show('conservation.*.ignored', 'count')} "
        "ignored; quarantine.parquet names each.",
        _recall(report, show),
    ]
    if report.spec.get("view") == "photo":
        found.append(
            "Images are compared by the photo view, the gradients of a gray copy of "
            f"{show('spec.side', 'count')} pixels a side; that copy is all that the models see."
        )
    for number, count in enumerate(report.variants):
        found.append(
            f"{show(f'variants.{number}.rows', 'count')} more {count['rows_of']} rows have a twin in "
            f"{count['found_in']} when they are {count['variant']}; they stay, and variants.parquet names them."
        )
    if one_colour := [n for n, entry in enumerate(report.within) if entry["one_colour"]]:
        counts = (f"{show(f'within.{n}.one_colour', 'count')} in {report.within[n]['split']}" for n in one_colour)
        found.append(f"Images of one colour: {', '.join(counts)}.")
    other_letter = show(f"{conflicts}.exact + {conflicts}.near", "count")
    of_class = "letter" if report.spec.get("view", "ink") == "ink" else "class"
    found.append(
        f"{other_letter} test rows have a twin in train under another {of_class}; label_conflicts.parquet names them."
    )
    known = f"rows.test - {fonts}.unknown"
    if measure(report, known):
        found.append(
            f"Of {show(known, 'count')} test rows whose name gives a font, {show(f'{fonts}.rows', 'count')} share it "
            "with train."
        )
    if report.groups["count"]:
        found.append(
            f"Removed rows and their twins form {show('groups.count', 'count')} groups of "
            f"{show('groups.rows', 'count')} rows; the largest has {show('groups.largest', 'count')}."
        )
    return found


def verdicts(report: Report, show: Show | None = None) -> list[str]:
    """Say of each model, at its largest training size, what the twins of test rows in training did to its accuracy."""
    show = show or plain(report)
    largest = _largest(report)
    said = [_verdict(report, number, show) for number in largest.values()]
    trained = Counter((s["model"], s["train_rows"]) for s in report.scores if _is_raw(s))
    if any(trained[model, report.effects[number]["train_rows"]] == 1 for model, number in largest.items()):
        said.append(
            "Where an arm was trained once, its interval holds what depends on the test rows alone: two other "
            "trainings may differ by more, so an effect near the edge of its interval is no proof."
        )
    if said:
        said.append("The gap between raw and sanitized rows alone proves nothing: the removed rows are easier, too.")
    return said


def split_rows(report: Report, show: Show | None = None) -> Rows:
    """Return the rows of each split before and after sanitizing."""
    show = show or plain(report)
    rows = []
    for name in SPLITS:
        kept = {which: f"sanitized.{which}.{name}" for which in ("exact", "near") if name in report.sanitized[which]}
        rows.append(
            {
                "split": name,
                "raw rows": show(f"rows.{name}", "count"),
                "distinct images": show(f"{place(report, 'within', split=name)}.distinct", "count"),
                "without exact twins": show(kept.get("exact", f"rows.{name}"), "count"),
                "sanitized": show(kept.get("near", f"rows.{name}"), "count"),
            }
        )
    return rows


def overlap_rows(report: Report, show: Show | None = None) -> Rows:
    """Return the overlap of all ordered pairs of splits, one row each."""
    show = show or plain(report)
    return [
        {
            "rows of": pair["rows_of"],
            "found in": pair["found_in"],
            "rows": show(f"overlap.{n}.rows", "count"),
            "exact": show(f"overlap.{n}.exact", "count"),
            "near": show(f"overlap.{n}.near", "count"),
            "either": show(f"overlap.{n}.either", "count"),
            "share": show(f"overlap.{n}.either / overlap.{n}.rows", "percent"),
            "conflicts": show(f"overlap.{n}.cross_letter", "count"),
        }
        for n, pair in enumerate(report.overlap)
    ]


def accuracy_rows(report: Report, subsets: Sequence[str] = tuple(SUBSETS), show: Show | None = None) -> Rows:
    """Return accuracy on test rows in percent with 95 % intervals, one row per model and training size."""
    show = show or plain(report)
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for number, score in enumerate(report.scores):
        split, _, subset = score["evaluated_on"].partition("_")
        first = score["control"] == "none" and score["seed"] == report.spec["seed"]
        if split == "test" and first and subset in subsets:
            size = show(f"scores.{number}.train_rows", "count")
            row = rows.setdefault((score["model"], score["train_rows"]), {"model": score["model"], "train rows": size})
            row[SUBSETS[subset]] = _interval(show, f"scores.{number}", "accuracy", "accuracy", "-", score["n"] > 0)
    return list(rows.values())


def effect_rows(report: Report, comparisons: Sequence[str] = tuple(COMPARISONS), show: Show | None = None) -> Rows:
    """Return the comparisons in percentage points with 95 % intervals, one row per model and training size."""
    show = show or plain(report)
    rows: dict[tuple[str, int], dict[str, str]] = {}
    for number, effect in enumerate(report.effects):
        if effect["comparison"] not in comparisons:
            continue
        size = show(f"effects.{number}.train_rows", "count")
        row = rows.setdefault((effect["model"], effect["train_rows"]), {"model": effect["model"], "train rows": size})
        row |= dict.fromkeys((COMPARISONS[name] for name in comparisons if COMPARISONS[name] not in row), "-")
        known = effect["points"] is not None
        row[COMPARISONS[effect["comparison"]]] = _interval(show, f"effects.{number}", "points", "points", " to ", known)
    return list(rows.values())


def to_markdown(report: Report) -> str:
    """Return the summary as Markdown."""
    parts = [f"## {headline(report)}"]
    for title, rows in (
        ("Rows", split_rows(report)),
        ("Overlap", overlap_rows(report)),
        ("Accuracy in percent", accuracy_rows(report)),
        ("Differences of accuracy in points", effect_rows(report)),
    ):
        if rows:
            lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
            lines += [" | ".join(row.values()) for row in rows]
            parts.append(f"### {title}\n\n" + "\n".join(f"| {line} |" for line in lines))
    return "\n\n".join([*parts, "\n".join(f"- {sentence}" for sentence in facts(report))]) + "\n"


def _recall(report: Report, show: Show) -> str:
    """Say what the search may have missed."""
    if report.near_duplicates["bands"] is None:
        return "All pairs were compared: nothing at or above the floor is missed."
    stated = (
        f"A pair at the floor of {show('near_duplicates.floor', 'similarity')} is found with probability "
        f"{show('near_duplicates.recall_at_floor', 'probability')}"
    )
    if not report.near_duplicates["recall_measured"]:
        return f"{stated}."
    true, sampled, found = (
        show(f"near_duplicates.recall_measured.{name}", "count") for name in ("true_rows", "sample_rows", "found_rows")
    )
    return f"{stated}; of {true} rows with a twin among {sampled} sampled test rows, {found} were found."


def _verdict(report: Report, number: int, show: Show) -> str:
    effect, key = report.effects[number], f"effects.{number}"
    points, low, high = (show(f"{key}.{name}", "size") for name in ("points", "low", "high"))
    said = (
        f"{effect['model']} on {show(f'{key}.train_rows', 'count')} rows: training without the twins of test rows, "
        f"instead of without as many random rows, costs {points} points ({low} to {high}) on the unchanged test set"
    )
    if effect["low"] <= 0 <= effect["high"]:
        said += ", which can't be told from chance"
    if abs(effect["points"]) * report.rows["test"] / 100 < ROWS_THAT_COUNT - 0.5:
        said += f"; a change of fewer than {ROWS_THAT_COUNT} of {show('rows.test', 'count')} rows is too small to count"
    return f"{said}."


def _largest(report: Report) -> dict[str, int]:
    """Return, per model, which effect is the causal one at its largest training size."""
    return {
        effect["model"]: number
        for number, effect in enumerate(report.effects)
        if effect["comparison"] == CAUSAL and effect["points"] is not None
    }


def _is_raw(score: dict[str, Any]) -> bool:
    return bool(score["control"] == "none" and score["evaluated_on"] == "test_raw")


def _interval(show: Show, key: str, name: str, form: str, to: str, known: bool) -> str:
    if not known:
        return "-"
    estimate, low, high = (show(f"{key}.{part}", form) for part in (name, "low", "high"))
    return f"{estimate} ({low}{to}{high})"
