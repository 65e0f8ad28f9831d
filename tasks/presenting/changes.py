"""What changed between two runs."""

from dataclasses import dataclass
from html import escape

from tasks.presenting.numbers import NOTHING, Numbers, text_of
from tasks.presenting.words import answer
from tasks.records import Report
from tasks.records.rows import form_of
from tasks.vocabulary import SPLITS


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
    for group, values in (
        ("settings", _settings),
        ("rows", _rows),
        ("overlap", _overlap),
        ("duplicates", _duplicates),
        ("accuracy", _accuracy),
    ):
        before, after = values(one), values(other)
        for name in dict.fromkeys([*before, *after]):
            pair = before.get(name, NOTHING), after.get(name, NOTHING)
            if pair[0] != pair[1]:
                found.append(Change(group, name, *pair))
    return found


def what_changed(before: Report | None, after: Report) -> str:
    """Return the answer of a run, its gates, and what changed since an earlier run of the same sources, as Markdown."""
    numbers = Numbers(after)
    gates = []
    for gate in after.gates:
        value, limit = (text_of(getattr(gate, name), form_of(gate, name)) for name in ("value", "limit"))
        gates.append(f"- {gate.name}: {'passed' if gate.passed else '**failed**'}, value {value}, limit {limit}")
    parts = [f"## cleansplit: {_cell(', '.join(entry.name for entry in after.inputs))}", _cell(answer(numbers))]
    parts += ["\n".join(gates)] if gates else []
    if before is None or [entry.name for entry in before.inputs] != [entry.name for entry in after.inputs]:
        parts.append("There is no earlier run of these sources to compare with.")
    elif found := changes(before, after):
        rows = [(change.group, change.name, change.one, change.other) for change in found]
        lines = [("", "what", "before", "now"), ("---", "---", "--:", "--:"), *rows]
        parts += [f"Since {before.run.name}:", "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)]
    else:
        parts.append(f"Nothing changed since {before.run.name}.")
    return "\n\n".join(parts) + "\n\n"


def _cell(text: str) -> str:
    """Return text that can't end a cell or become HTML."""
    return escape(text).replace("|", "&#124;").replace("`", "&#96;")


def _settings(report: Report) -> dict[str, str]:
    inputs = {f"sha256 of {entry.role}": entry.sha256 for entry in report.inputs}
    return {name: _text(value) for name, value in report.spec.settings().items()} | inputs


def _rows(report: Report) -> dict[str, str]:
    rows = {f"{name}, raw": report.rows[name] for name in SPLITS}
    rows |= {f"{name}, sanitized": report.sanitized.near[name] for name in SPLITS}
    rows["quarantined members"] = sum(row.quarantined for row in report.conservation)
    return {name: text_of(count, "count") for name, count in rows.items()}


def _overlap(report: Report) -> dict[str, str]:
    return {
        f"{pair.rows_of} in {pair.found_in}, {kind}": text_of(getattr(pair, kind), "count")
        for pair in report.overlap
        for kind in ("exact", "near")
    }


def _duplicates(report: Report) -> dict[str, str]:
    return {
        f"inside {of.split}, {kind}": text_of(getattr(of, kind), "count")
        for of in report.duplicates
        for kind in ("groups", "exact", "near")
    }


def _accuracy(report: Report) -> dict[str, str]:
    return {
        f"{score.model} on {score.train_rows:,} rows, {where}, %": text_of(score.accuracy, "accuracy")
        for where in ("test_raw", "test_near")
        for score in report.raw_scores(where)
        if score.seed == report.spec.settings().get("seed")
    }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else NOTHING if value is None else str(value)
