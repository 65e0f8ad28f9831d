"""Processes that die, even before they are told what to do, and that take too long."""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from prefect import task
from prefect.task_engine import TaskRunTimeoutError

from flows.engine.declare import subflow
from flows.engine.runners import threads
from flows.pipeline import audit
from tasks import processes
from tasks.processes import in_processes, in_worker


def dies(_parent: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("prefect_server")
def test_processes_that_die_at_once_are_done_without(
    sources: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(processes, "_begin", dies)
    given = {"train": sources["large"], "test": sources["small"], "max_quarantine": 0.5}
    with caplog.at_level(logging.INFO):
        found = audit(**given, runner="processes", workspace=tmp_path / "lost")
    assert "A process of this run was killed" in caplog.text
    assert (found.pair("test", "train").exact, found.pair("test", "train").near) == (20, 20), "as they were planted"


@task(timeout_seconds=2)
def waits() -> None:
    in_worker(time.sleep, 60)


@pytest.mark.usefixtures("prefect_server")
def test_a_limit_of_time_ends_work_in_a_process() -> None:
    @subflow("waits")
    def waiting() -> None:
        waits.submit().result()

    start = time.monotonic()
    with pytest.raises(TaskRunTimeoutError), in_processes(1):
        waiting(threads(1))
    assert time.monotonic() - start < 30, "and the process with it"
