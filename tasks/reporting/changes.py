"""What changed between two runs."""

from dataclasses import dataclass
from typing import Any

from tasks.records import SPLITS, Report
from tasks.reporting.numbers import NOTHING, text_of


@dataclass(frozen=True)
class Change:
    """A thing that both runs have or one lacks, as text."""

    group: str
    name: str
    one: str
    other: str


def changes(one: Report, other: Report) -> list[Change]:
    """Return what differs between two runs, the settings first."""
    found = []
    for group, values in (("settings", _settings), ("rows", _rows), ("overlap", _overlap), ("accuracy", _accuracy)):
        before, after = values(one), values(other)
        for name in dict.fromkeys([*before, *after]):
            pair = before.get(name, NOTHING), after.get(name, NOTHING)
            if pair[0] != pair[1]:
                found.append(Change(group, name, *pair))
    return found


def _settings(report: Report) -> dict[str, str]:
    inputs = {f"sha256 of {entry['role']}": str(entry["sha256"]) for entry in report.inputs}
    return {name: _text(value) for name, value in report.spec.items()} | inputs


def _rows(report: Report) -> dict[str, str]:
    rows: dict[str, int | None] = {f"{name}, raw": report.rows[name] for name in SPLITS}
    rows |= {f"{name}, sanitized": report.sanitized["near"].get(name) for name in SPLITS}
    refused = sum(row["quarantined"] for row in report.conservation)
    return {name: text_of(count, "count") for name, count in (rows | {"quarantined members": refused}).items()}


def _overlap(report: Report) -> dict[str, str]:
    return {
        f"{pair['rows_of']} in {pair['found_in']}, {kind}": text_of(pair[kind], "count")
        for pair in report.overlap
        for kind in ("exact", "near")
    }


def _accuracy(report: Report) -> dict[str, str]:
    shown = [
        score
        for score in report.scores
        if (score["control"], score["seed"]) == ("none", report.spec["seed"])
        and score["evaluated_on"] in ("test_raw", "test_near")
    ]
    return {
        f"{s['model']} on {s['train_rows']:,} rows, {s['evaluated_on']}, %": text_of(s["accuracy"], "accuracy")
        for s in shown
    }


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else NOTHING if value is None else str(value)
