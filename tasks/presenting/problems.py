"""Images and files of a run that need attention: a table of the summary, and annotations of GitHub Actions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow.compute as pc
from pyarrow.csv import ParseOptions, read_csv

from tasks.presenting.changes import cell
from tasks.records import REASONS, Report
from tasks.storage import Place, arrow, tables
from tasks.vocabulary import UNLABELLED

SHOWN, ANNOTATED = 20, 10  # rows of the table; annotations of each level, GitHub's limit for a step
SENTENCES = {  # for each action and its reason in actions.csv
    ("remove", "exact"): "identical to {twin}",
    ("remove", "near"): "near-duplicate of {twin}, similarity {similarity:.2f}",
    ("review", "undecided"): "may be a duplicate of {twin}, similarity {similarity:.2f}",
    ("review", "conflict"): "duplicate of {twin}, which has another label",
    ("relabel", "conflict"): "wrong label; the right class is {new_class}",
}


class Problem(NamedTuple):
    """A file that needs attention; `fails` is true if a gate failed because of files like it."""

    fails: bool
    path: str
    sentence: str


def problems_of(run: Place, report: Report) -> list[Problem]:
    """Return the duplicates, undecided images, label conflicts and quarantined files of a run; failures first."""
    failed = {gate.name for gate in report.gates if not gate.passed}
    with arrow.reading(run / "actions.csv") as file:
        actions = read_csv(file, parse_options=ParseOptions(newlines_in_values=True))
    found = []
    for row in actions.filter(pc.not_equal(actions["action"], "keep")).to_pylist():
        fails = row["action"] == "remove" and not failed.isdisjoint({"max_overlap", "max_duplicates"})
        found.append(Problem(fails, row["path"], SENTENCES[row["action"], row["why"]].format(**row)))
    names = {entry.role: entry.name for entry in report.inputs}
    quarantine = tables.read(run / "quarantine.parquet", filters=pc.field("outcome") == "quarantined")
    for row in quarantine.to_pylist():
        folders = [names[row["role"]]] + [row["class_name"]] * (row["class_name"] not in (None, UNLABELLED))
        path, reason = "/".join([*folders, row["member"]]), REASONS[row["reason"]]
        found.append(Problem("max_quarantine" in failed, path, f"quarantined: {reason}"))
    return sorted(found, key=lambda problem: not problem.fails)


def problem_table(problems: Sequence[Problem]) -> str:
    """Return the first problems as a table in Markdown, or an empty text."""
    if not problems:
        return ""
    count = "" if len(problems) <= SHOWN else f" The first {SHOWN} of {len(problems):,}:"
    rows = [f"| {cell(problem.path)} | {cell(problem.sentence)} |" for problem in problems[:SHOWN]]
    return "\n".join(
        [f"### Files that need attention{count}", "", "| file | problem |", "| --- | --- |", *rows, "", ""]
    )


def annotations(problems: Sequence[Problem]) -> Iterator[str]:
    """Yield the first problems as commands of GitHub Actions: errors of failed gates, and warnings."""
    for level, fails in (("error", True), ("warning", False)):
        for problem in [each for each in problems if each.fails is fails][:ANNOTATED]:
            path = _escaped(problem.path).replace(":", "%3A").replace(",", "%2C")
            yield f"::{level} file={path},title=cleansplit::{_escaped(problem.sentence)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
