"""The changes between two runs, and the files of a run that need attention, for people and GitHub Actions."""

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow.compute as pc

from tasks.presenting.words import DASH, Numbers, answer, sentences
from tasks.records import REASONS, Report
from tasks.storage import Place, tables
from tasks.storage.actions import read_actions
from tasks.vocabulary import SPLITS

GROUPS = ("settings", "rows", "overlap", "duplicates", "accuracy")
COLUMNS = ("", "what", "before", "after")
MARKS = re.compile(r"[|`\\*_~!@\[\]]")  # of Markdown
SHOWN, ANNOTATED = 20, 10  # rows of the table; annotations of each level, GitHub's limit for a step
SENTENCES = {  # for each action and its reason in actions.csv
    ("remove", "exact"): "identical to {twin}",
    ("remove", "near"): "duplicate of {twin}, similarity {similarity:.4f}",
    ("review", "undecided"): "may be a duplicate of {twin}, similarity {similarity:.4f}",
    ("review", "conflict"): "duplicate of {twin}, which has another label",
    ("relabel", "conflict"): "wrong label; the right class is {new_class}",
}


def changes(one: Report, other: Report) -> list[dict[str, str]]:
    """Return the values that differ between two runs, settings first, in rows with `COLUMNS`."""
    before, after = (dict(_values(report)) for report in (one, other))
    keys = sorted(dict.fromkeys([*before, *after]), key=lambda key: GROUPS.index(key[0]))
    values = ((*key, before.get(key, DASH), after.get(key, DASH)) for key in keys)
    return [dict(zip(COLUMNS, row, strict=True)) for row in values if row[2] != row[3]]


def what_changed(before: Report | None, after: Report) -> str:
    """Return the answer of a run, its gates, and what changed since an earlier run of the same sources, as Markdown."""
    numbers, names = Numbers(after), ", ".join(entry.name for entry in after.inputs)
    parts = [f"## cleansplit: {cell(names)}", html.escape(answer(numbers), quote=False)]
    parts += ["\n".join(sentences(numbers, "gates"))] if after.gates else []
    if before is None:
        parts.append("No earlier run of these sources was found to compare with.")
    elif found := changes(before, after):
        lines = [("", "what", "before", "now"), ("---", "---", "--:", "--:"), *(row.values() for row in found)]
        parts += [f"Since {before.run.name}:", "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)]
    else:
        parts.append(f"Nothing changed since {before.run.name}.")
    return "\n\n".join(parts) + "\n\n"


def cell(text: str) -> str:
    """Escape text so that it cannot end a cell or become HTML, emphasis, a link or a mention."""
    return MARKS.sub(lambda mark: f"&#{ord(mark[0])};", html.escape(" ".join(text.split())))


class Problem(NamedTuple):
    """A file that needs attention; `fails` is true if a gate failed because of files like it."""

    fails: bool
    path: str
    sentence: str


def problems_of(run: Place, report: Report) -> list[Problem]:
    """Return the duplicates, undecided images, label conflicts and quarantined files of a run; failures first."""
    failed = {gate.name for gate in report.gates if not gate.passed}
    actions, found = read_actions(run), []
    for row in actions.filter(pc.not_equal(actions["action"], "keep")).to_pylist():
        fails = row["action"] == "remove" and not failed.isdisjoint({"max_overlap", "max_duplicates"})
        found.append(Problem(fails, row["path"], SENTENCES[row["action"], row["why"]].format(**row)))
    for row in tables.read(run / "quarantine.parquet").to_pylist():
        fails = {"quarantined": "max_quarantine", "ignored": "max_ignored"}[row["outcome"]] in failed
        if fails or row["outcome"] == "quarantined":
            found.append(Problem(fails, row["path"], f"{row['outcome']}: {REASONS[row['reason']]}"))
    return sorted(found, key=lambda problem: not problem.fails)


def problem_table(problems: Sequence[Problem]) -> str:
    """Return the first problems as a table in Markdown, or an empty text."""
    if not problems:
        return ""
    count = "" if len(problems) <= SHOWN else f" (the first {SHOWN} of {len(problems):,})"
    rows = [f"| {cell(problem.path)} | {cell(problem.sentence)} |" for problem in problems[:SHOWN]]
    head = f"### Files that need attention{count}\n\n| file | problem |\n| --- | --- |\n"
    return head + "\n".join(rows) + "\n\n"


def annotations(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield the first problems as commands of GitHub Actions: errors of failed gates, and warnings."""
    for level, fails in (("error", True), ("warning", False)):
        for problem in [each for each in problems if each.fails is fails][:ANNOTATED]:
            path = _escaped(problem.path).replace(":", "%3A").replace(",", "%2C")
            yield f"::{level} file={path},title=cleansplit::{_escaped(problem.sentence)}"


def _values(report: Report) -> Iterator[tuple[tuple[str, str], str]]:
    for name, value in report.spec.settings().items():
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        yield ("settings", name), DASH if value is None else text
    whole = "root" in report.spec.sources and len({entry.sha256 for entry in report.inputs}) == 1
    for entry in report.inputs:
        yield ("settings", f"sha256 of {'root' if whole else entry.role}"), entry.sha256[:12]
    if report.judged:
        yield ("settings", "decisions, sha256"), report.judged.sha256[:12]
    numbers, labels = Numbers(report), report.label_conflicts
    yield from ((("duplicates", f"labels, {kind}"), numbers(labels, kind)) for kind in ("images", "open", "wrong"))
    for kind, rows in (("raw", report.rows), ("sanitized", report.sanitized.near)):
        yield from ((("rows", f"{name}, {kind}"), numbers(rows, name)) for name in SPLITS)
    yield ("rows", "quarantined members"), numbers.total("conservation", "quarantined")
    for pair in report.overlap:
        about = f"{pair.rows_of} in {pair.found_in}"
        yield from ((("overlap", f"{about}, {kind}"), numbers(pair, kind)) for kind in ("exact", "near", "undecided"))
    yield from _found(report, numbers)
    for of in report.duplicates:
        kinds = ("groups", "exact", "near", "undecided")
        yield from ((("duplicates", f"inside {of.split}, {kind}"), numbers(of, kind)) for kind in kinds)
    for where in ("test_raw", "test_near"):
        for score in report.raw_scores(where):
            if score.seed == report.spec.settings().get("seed"):
                name = f"{score.model} on {score.train_rows:,} rows, {where}, %"
                yield ("accuracy", name), numbers(score, "accuracy")


def _found(report: Report, numbers: Numbers) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the counts of the images by state, and of variants, shared groups, same subjects and drawn groups."""
    for of in report.states:
        kinds = ("duplicates", "in_train", "exact", "undecided", "blank", "left", "unreadable")
        yield from ((("overlap", f"{of.split} images, {kind}"), numbers(of, kind)) for kind in kinds)
    for one in report.variants:
        yield ("overlap", f"{one.rows_of} in {one.found_in}, {one.variant}"), numbers(one, "rows")
    for shared in report.shared_groups:
        yield ("overlap", f"{shared.rows_of} in {shared.found_in}, shared group"), numbers(shared, "shared")
    for near in report.same_subject:
        about = f"{near.rows_of} in {near.found_in}, same subject"
        yield ("overlap", about), f"{numbers(near, 'pairs')}, sha256 {near.sha256[:12]}"
    if drawing := report.drawing:
        for kind in ("groups", "largest", "unmatched", "random_twins", "random_shared"):
            yield ("rows", f"drawing, {kind}"), numbers(drawing, kind)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
