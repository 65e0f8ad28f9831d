"""What a run found, in words and rows: for the terminal, for Prefect, and for the run's own README."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tasks.records import SPLITS, Report

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
ROWS_THAT_COUNT = 30  # the course's rule: a change of fewer rows is noise


def percent(part: int, whole: int) -> str:
    """Return a share as text; nothing is a share of nothing.

    >>> percent(1, 8), percent(0, 0)
    ('12.5 %', '-')
    """
    return f"{100 * part / whole:.1f} %" if whole else "-"


def headline(report: Report) -> str:
    """Return the answer in one or two sentences."""
    leak = _in_train(report.overlap)
    left, threshold = report.sanitized["near"]["test"], report.near_duplicates["threshold"]
    return (
        f"{percent(leak['exact'], leak['rows'])} of the {leak['rows']:,} test rows have an identical image in train, "
        f"and {percent(leak['near'], leak['rows'])} more a near-duplicate (similarity {threshold:.2f} or higher). "
        f"Without what test shares with train and validation, {left:,} rows are left."
    )


def overlap_rows(report: Report) -> list[dict[str, Any]]:
    """Return the overlap of all ordered pairs of splits, one row each."""
    return [
        {
            "rows of": d["rows_of"],
            "found in": d["found_in"],
            "rows": d["rows"],
            "exact": d["exact"],
            "near": d["near"],
            "either": d["either"],
            "share": percent(d["either"], d["rows"]),
            "conflicts": d["cross_letter"],
        }
        for d in report.overlap
    ]


def accuracy_rows(report: Report, subsets: Sequence[str] = tuple(SUBSETS)) -> list[dict[str, Any]]:
    """Return accuracy on test rows with 95 % intervals, one row per model and training size."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for score in report.scores:
        split, _, subset = score["evaluated_on"].partition("_")
        first = score["control"] == "none" and score["seed"] == report.spec["seed"]
        if split == "test" and first and subset in subsets:
            key = score["model"], score["train_rows"]
            row = rows.setdefault(key, {"model": score["model"], "train rows": score["train_rows"]})
            row[SUBSETS[subset]] = _interval(score)
    return list(rows.values())


def effect_rows(report: Report, comparisons: Sequence[str] = tuple(COMPARISONS)) -> list[dict[str, Any]]:
    """Return the comparisons in percentage points with 95 % intervals, one row per model and training size."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for effect in report.effects:
        if effect["comparison"] not in comparisons:
            continue
        key = effect["model"], effect["train_rows"]
        row = rows.setdefault(key, {"model": effect["model"], "train rows": effect["train_rows"]})
        row[COMPARISONS[effect["comparison"]]] = _points(effect)
    return list(rows.values())


def verdicts(report: Report) -> list[str]:
    """Say of each model, at its largest training size, what the twins of test rows in training did to its accuracy."""
    largest: dict[str, dict[str, Any]] = {}
    for effect in report.effects:
        if effect["comparison"] == CAUSAL and effect["points"] is not None:
            largest[effect["model"]] = effect
    said = [_verdict(effect, report.rows["test"]) for effect in largest.values()]
    trained = Counter((s["model"], s["train_rows"]) for s in report.scores if _is_raw(s))
    if any(trained[model, effect["train_rows"]] == 1 for model, effect in largest.items()):
        said.append(
            "Where an arm was trained once, its interval holds what depends on the test rows alone: two other "
            "trainings may differ by more, so an effect near the edge of its interval is no proof."
        )
    if said:
        said.append("The gap between raw and sanitized rows alone proves nothing: the removed rows are easier, too.")
    return said


def _is_raw(score: dict[str, Any]) -> bool:
    return bool(score["control"] == "none" and score["evaluated_on"] == "test_raw")


def _verdict(effect: dict[str, Any], test_rows: int) -> str:
    points, low, high = effect["points"], effect["low"], effect["high"]
    said = (
        f"{effect['model']} on {effect['train_rows']:,} rows: training without the twins of test rows, instead of "
        f"without as many random rows, costs {points:.1f} points ({low:.1f} to {high:.1f}) on the unchanged test set"
    )
    if low <= 0 <= high:
        said += ", which can't be told from chance"
    changed = round(abs(points) * test_rows / 100)
    if changed < ROWS_THAT_COUNT:
        said += f"; {changed} of {test_rows:,} rows are too few to count"
    return f"{said}."


def split_rows(report: Report) -> list[dict[str, Any]]:
    """Return the rows of each split before and after sanitizing."""
    within = {entry["split"]: entry for entry in report.within}
    return [
        {
            "split": name,
            "raw rows": report.rows[name],
            "distinct images": within[name]["distinct"],
            "without exact twins": report.sanitized["exact"].get(name, report.rows[name]),
            "sanitized": report.sanitized["near"].get(name, report.rows[name]),
        }
        for name in SPLITS
    ]


def to_markdown(report: Report) -> str:
    """Return the summary as Markdown."""
    parts = [f"## {headline(report)}"]
    for title, rows in (
        ("Rows", split_rows(report)),
        ("Overlap", overlap_rows(report)),
        ("Accuracy", accuracy_rows(report)),
        ("Differences of accuracy in points", effect_rows(report)),
    ):
        if rows:
            lines = [" | ".join(map(str, rows[0])), " | ".join("---" for _ in rows[0])]
            lines += [" | ".join(cell(value) for value in row.values()) for row in rows]
            parts.append(f"### {title}\n\n" + "\n".join(f"| {line} |" for line in lines))
    return "\n\n".join([*parts, "\n".join(f"- {sentence}" for sentence in facts(report))]) + "\n"


def facts(report: Report) -> list[str]:
    """Return what else was found, one sentence each."""
    members = sum(row["members"] for row in report.conservation)
    quarantined, ignored = (sum(row[name] for row in report.conservation) for name in ("quarantined", "ignored"))
    refused = f"{quarantined:,} are quarantined and {ignored:,} ignored"
    found = [f"Of {members:,} members {refused}; quarantine.parquet names each.", _recall(report)]
    if one_colour := {w["split"]: w["one_colour"] for w in report.within if w["one_colour"]}:
        found.append(f"Images of one colour: {_by_split(one_colour)}.")
    conflicts, fonts = (_in_train(entries) for entries in (report.label_conflicts, report.font_leakage))
    count = conflicts["exact"] + conflicts["near"]
    found.append(f"{count:,} test rows have a twin in train under another letter; label_conflicts.parquet names them.")
    known = report.rows["test"] - fonts["unknown"]
    if known:
        share = percent(fonts["rows"], known)
        found.append(
            f"Of {known:,} test rows whose name gives a font, {fonts['rows']:,} ({share}) share it with train."
        )
    groups = report.groups
    if groups["count"]:
        found.append(
            f"Removed rows and their twins form {groups['count']:,} groups of {groups['rows']:,} rows; "
            f"the largest has {groups['largest']:,}."
        )
    found += verdicts(report)
    return found


def _recall(report: Report) -> str:
    """Say what the search may have missed."""
    near = report.near_duplicates
    if near["bands"] is None:
        return "All pairs were compared: nothing at or above the floor is missed."
    stated = f"A pair at the floor of {near['floor']:.2f} is found with probability {near['recall_at_floor']:.4f}"
    measured = near["recall_measured"]
    if not measured:
        return f"{stated}."
    return (
        f"{stated}; of {measured['true_rows']:,} rows with a twin among {measured['sample_rows']:,} sampled test rows, "
        f"{measured['found_rows']:,} were found."
    )


def _in_train(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return next(entry for entry in entries if (entry["rows_of"], entry["found_in"]) == ("test", "train"))


def _by_split(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} in {split}" for split, count in counts.items())


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _interval(score: dict[str, Any]) -> str:
    if score["accuracy"] is None:
        return "-"
    return f"{100 * score['accuracy']:.1f} ({100 * score['low']:.1f}-{100 * score['high']:.1f})"


def _points(effect: dict[str, Any]) -> str:
    if effect["points"] is None:
        return "-"
    return f"{effect['points']:+.1f} ({effect['low']:+.1f} to {effect['high']:+.1f})"
