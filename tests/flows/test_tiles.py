"""Runs whose splits are compared in tiles, a task each, have the files of runs that compare them whole."""

import logging
from pathlib import Path
from typing import Any

import pytest

from flows.pipeline import audit
from tasks import processes
from tasks.records import Report
from tasks.storage.place import Place
from tasks.storage.stages import read_manifest
from tests.flows.test_lost_processes import dies

pytestmark = pytest.mark.usefixtures("prefect_server")


def files_of(report: Report) -> dict[str, Any]:
    record = read_manifest(Place.of(report.run / "run.json"))
    assert record is not None
    files: dict[str, Any] = record["files"]
    return files


def stages_of(workspace: Path) -> int:
    return len(list((workspace / "stages/tiles").glob("*/manifest.json")))


def test_photographs(
    audited: Report, photographs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.overlap.join.IN_FULL", 5)
    given: dict[str, Any] = {"also": ("mirrored",), "threshold": 0.9, "max_quarantine": 0.5}
    assert files_of(audit(**photographs, workspace=tmp_path, **given)) == files_of(audited)
    between, within = 3, 4 + 3  # slices of 13 test images, and of 16 in train; validation is empty
    assert stages_of(tmp_path) == between + within


def test_splits_of_a_tile_each_are_compared_apart_where_there_are_many_in_all(
    audited: Report, photographs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.sanitize.FEW", 20)
    given: dict[str, Any] = {"also": ("mirrored",), "threshold": 0.9, "max_quarantine": 0.5}
    assert files_of(audit(**photographs, workspace=tmp_path, **given)) == files_of(audited)
    assert stages_of(tmp_path) == 1 + 2, "test in train, and either in itself"


def test_tiles_whose_processes_die_are_compared_in_one(
    audited: Report,
    photographs: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("tasks.overlap.join.IN_FULL", 5)
    monkeypatch.setattr(processes, "_begin", dies)
    given: dict[str, Any] = {"also": ("mirrored",), "threshold": 0.9, "max_quarantine": 0.5}
    with caplog.at_level(logging.INFO):
        found = audit(**photographs, workspace=tmp_path, **given)
    assert caplog.text.count("The unfinished work continues in one process") == 1
    assert files_of(found) == files_of(audited)


def test_glyphs(prefect_server: None, sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"train": sources["large"], "test": sources["small"], "max_quarantine": 0.1}
    given["exhaustive"] = True  # MinHash, which is asked in the first tile alone, is not asked
    whole = audit(**given, workspace=tmp_path / "whole")
    monkeypatch.setattr("tasks.overlap.join.SLICE", 100)
    monkeypatch.setattr("tasks.splits.sanitize.AT_ONCE", 33)
    assert files_of(audit(**given, workspace=tmp_path / "tiles")) == files_of(whole)
    assert stages_of(tmp_path / "whole") == 0
    assert stages_of(tmp_path / "tiles") > 20
