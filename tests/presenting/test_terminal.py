"""The last lines of a command: the answer, three numbers, doubts, the page, and the next command."""

import io
import re
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import pytest
from rich.console import Console

from tasks.exporting.apply import refuse_inside
from tasks.presenting.terminal import next_step, print_summary, print_tables
from tasks.presenting.words import Numbers, sentences
from tasks.records import Report
from tasks.records.rows import LabelConflicts
from tasks.records.spec import AuditSpec, DedupeSpec, EvaluateSpec, RunSpec, SanitizeSpec, Spec
from tasks.storage.place import Place

DOUBT = LabelConflicts(images=3, open=2)


def shown(report: Report) -> list[str]:
    stream = io.StringIO()
    print_summary(report, "/runs/1/report.html", "cleansplit review", Console(file=stream, width=80))
    return stream.getvalue().splitlines()


def test_a_command_ends_in_ten_lines_with_the_answer_first_and_the_next_command_last(run: Report) -> None:
    lines, (test, validation) = shown(replace(run, label_conflicts=DOUBT)), run.states
    assert len(lines) <= 10
    assert lines[0].startswith(f"{test.in_train} of the 120 test images (")
    assert re.search(r"\. (The|No) ", lines[0]), "the effect on accuracy is the second sentence"
    assert lines[1:4] == [
        f"duplicates  {test.duplicates} of 120 test images, {validation.duplicates} of 20 validation images",
        "undecided   0 of 120 test images, 0 of 20 validation images",
        f"left        {run.sanitized.near.test} of 120 test images, {validation.left} of 20 validation images",
    ]
    assert lines[4].startswith("2 images have a duplicate with another label")
    assert lines[-2:] == ["report      /runs/1/report.html", "next        cleansplit review"]


def test_the_duplicates_of_both_splits_are_shown_whatever_else_is_in_doubt(run: Report) -> None:
    states = tuple(replace(of, duplicates=9, in_train=4, undecided=2, blank=1, unreadable=1) for of in run.states)
    blank = tuple(replace(of, blank=1) for of in run.within)
    doubtful = replace(run, states=states, within=blank, label_conflicts=DOUBT)
    assert len(doubtful.incomparable) == 3, "each a sentence, also train"
    lines = shown(doubtful)
    assert [line for line in lines if "have a duplicate in train; 5 more in validation." in line] == [
        lines[0],
        "4 of the 20 validation images (20.0 %) have a duplicate in train; 5 more in validation.",
    ]
    assert "unusable    1 of 120 test images, 1 of 20 validation images" in lines
    assert "unreadable  1 test file, 1 validation file" in lines


def test_tables_are_shown_without_cutting_a_number(run: Report) -> None:
    stream = io.StringIO()
    print_tables(run, Console(file=stream, width=80))
    assert all(title in stream.getvalue() for title in ("Rows", "Overlap", "Accuracy"))
    assert "…" not in stream.getvalue()


def clean(report: Report) -> Report:
    """Return a report without duplicates."""
    none: dict[str, Any] = {"duplicates": 0, "in_train": 0, "exact": 0, "undecided": 0}
    sanitized = replace(report.sanitized, near=report.rows)
    states = tuple(replace(of, **none, left=of.rows) for of in report.states)
    return replace(report, sanitized=sanitized, states=states, label_conflicts=LabelConflicts(0, 0))


@pytest.mark.parametrize(
    ("changes", "spec", "command"),
    [
        ({}, RunSpec(), "cleansplit apply --link=sanitized"),
        ({}, SanitizeSpec(threshold=0.9), "cleansplit apply --link=sanitized"),
        ({}, EvaluateSpec(workspace=PurePath("my data")), "cleansplit apply --link=sanitized '--workspace=my data'"),
        ({"label_conflicts": DOUBT}, RunSpec(), "cleansplit review"),
        ({"label_conflicts": DOUBT}, AuditSpec(root="x", workspace=PurePath("w")), "cleansplit review --workspace=w"),
        ({}, RunSpec(workspace=PurePath("s3://b/w")), "cleansplit apply --link=sanitized --workspace=s3://b/w"),
    ],
)
def test_the_next_command_decides_what_is_open_or_writes_the_images_that_stay(
    run: Report, changes: dict[str, Any], spec: Spec, command: str
) -> None:
    decided = replace(run, label_conflicts=LabelConflicts(0, 0))
    assert next_step(replace(decided, **changes), spec) == command


def test_a_test_split_that_would_be_empty_is_kept_by_the_next_command(run: Report) -> None:
    gone = replace(run, sanitized=replace(run.sanitized, near=replace(run.rows, test=0)))
    assert next_step(gone, RunSpec()) == "cleansplit sanitize --protect=test"
    assert isinstance(run.spec, RunSpec)
    protected = replace(gone, spec=replace(run.spec, protect="test"))
    assert next_step(protected, RunSpec()) == "cleansplit review", "nothing else keeps both"


@pytest.mark.parametrize(
    ("root", "folder"),
    [(".", "../pets-sanitized"), ("..", "../../data-sanitized"), ("{}", "{}-sanitized"), ("s3://pets", "sanitized")],
)
def test_the_folder_that_is_named_is_outside_the_source(
    run: Report, root: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "data" / "pets"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    sources: dict[str, Any] = {"large": root.format(here), "small": "other.tar"}
    spec = replace(run.spec, **sources)
    found = replace(run, spec=spec, label_conflicts=LabelConflicts(0, 0))
    assert next_step(found, spec) == f"cleansplit apply --link={folder.format(here)}"
    refuse_inside(Place.of(folder.format(here)), spec.sources.values())
    assert f"`cleansplit apply {run.run.name} --link {folder.format(here)} --execute`" in " ".join(
        sentences(Numbers(found), "next_steps")
    )


@pytest.mark.parametrize(
    ("spec", "command"),
    [
        (AuditSpec(root="a b"), "cleansplit audit '--root=a b' --max-overlap=0"),
        (DedupeSpec(source="x"), "cleansplit dedupe --source=x --max-duplicates=0"),
        (RunSpec(), "cleansplit export --format=folder"),
        (AuditSpec(root="x", max_overlap=0.01), "cleansplit export --format=folder"),
        (DedupeSpec(source="x", max_duplicates=0.0), "cleansplit export --format=folder"),
    ],
)
def test_after_a_clean_run_the_next_command_keeps_it_clean(run: Report, spec: Spec, command: str) -> None:
    assert next_step(clean(run), spec) == command


@pytest.mark.parametrize("spec", [AuditSpec(root="x", view="ink"), DedupeSpec(source="x", view="ink")])
def test_images_that_cannot_be_compared_get_no_gate_which_would_always_fail(
    run: Report, spec: AuditSpec | DedupeSpec
) -> None:
    without = tuple(replace(one, blank=one.rows) for one in run.within)
    found = replace(clean(run), spec=spec, within=without)
    assert found.incomparable
    assert next_step(found, spec) == "cleansplit export --format=folder"
    said = "Look yourself for near-duplicates of images without a usable fingerprint."
    assert said in sentences(Numbers(found), "next_steps")
