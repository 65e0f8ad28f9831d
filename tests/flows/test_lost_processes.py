"""Processes of a pool that die, even before they are told what to do: the run goes on in one process."""

import logging
import multiprocessing.spawn
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import pytest

from flows.audit import audit

DIES = "/bin/false"


@pytest.mark.skipif(not Path(DIES).exists(), reason=f"needs {DIES}")
@pytest.mark.usefixtures("prefect_server")
def test_processes_that_die_at_once_are_done_without(
    sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resource_tracker.ensure_running()  # which is started in the same way, and lives
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", DIES.encode())
    given = {"train": sources["large"], "test": sources["small"], "max_quarantine": 0.5}
    with caplog.at_level(logging.INFO):
        found = audit(**given, runner="processes", workspace=tmp_path / "lost")
    assert "A process of this run was killed" in caplog.text
    assert (found.pair("test", "train").exact, found.pair("test", "train").near) == (20, 20), "as they were planted"
