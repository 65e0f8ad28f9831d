"""How many tasks run at the same time."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from flows.engine import runners
from flows.engine.runners import at_once, memory_of_machine
from tasks.records.spec import WorkSpec


def test_tasks_go_side_by_side_where_memory_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "cpu_count", lambda: 8)
    for gigabytes, expected in ((64.0, 8), (4.1, 3), (0.5, 1)):
        monkeypatch.setattr(runners, "memory_of_machine", lambda gigabytes=gigabytes: gigabytes)
        assert at_once(WorkSpec()) == expected
        assert at_once(WorkSpec(workers=5)) == 5, "asked for"
    assert at_once(WorkSpec(memory=3)) == 3
    assert at_once(WorkSpec(workers=5, memory=3)) == 3
    assert at_once(WorkSpec(workers=2, memory=99)) == 2


def test_a_container_may_leave_less_than_the_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = tmp_path / "memory.max"
    monkeypatch.setattr(runners, "GROUPS", (str(group), str(tmp_path / "nothing")))
    whole = memory_of_machine()
    group.write_text("max\n")
    assert memory_of_machine() == whole
    group.write_text("2000000000\n")
    assert memory_of_machine() == 2


def test_a_limit_of_the_process_counts() -> None:
    program = "from flows.engine.runners import memory_of_machine; print(memory_of_machine())"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))

    done = subprocess.run([sys.executable, "-c", program], preexec_fn=limit, capture_output=True, text=True, check=True)
    assert float(done.stdout) == 1
