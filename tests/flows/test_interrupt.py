"""Ctrl-C ends a run within seconds, and Prefect knows."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterStartTime
from prefect.states import Cancelled, Crashed, Failed, Pending, Running

from flows.engine import closing
from flows.engine.closing import close_unfinished, close_what_dead_runs_left
from tests.flows.test_cli import TINY, here, of_its_own

PAGE = 200  # task runs that the server gives at a time
BUILDING = "stages/*/.*.building"  # folders that a run has begun to write


def test_ctrl_c_stops_at_once_and_the_next_run_continues(
    server: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "flows.command.cli", "run", "--workspace", str(tmp_path), *TINY]
    command += ["--large", sources["large"], "--small", sources["small"]]
    since = FlowRunFilter(start_time=FlowRunFilterStartTime.model_validate({"after_": datetime.now(UTC)}))
    process = subprocess.Popen(command, env=os.environ | server, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("fetch sources")
    limit = time.monotonic() + 60
    while not list(tmp_path.glob(BUILDING)):
        assert process.poll() is None
        assert time.monotonic() < limit, "a run builds stages"
        time.sleep(0.01)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(10) == 130
    assert time.monotonic() - start < 5
    assert "cleansplit: interrupted; run the same command again to resume." in said.splitlines()
    assert not list(tmp_path.rglob("*.building"))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=since)
    mine = [run for run in runs if run.parameters.get("workspace") == str(tmp_path) and run.parent_task_run_id is None]
    assert [str(run.state and run.state.name) for run in mine] == ["Cancelled"]
    again = here(*command[3:])
    assert again.returncode == 0, again.stderr


def _server_of(process: subprocess.Popen[str]) -> int:
    """Return the number of the temporary server that a process started."""
    own = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(child) for child in own if "temporary_server" in Path(f"/proc/{child}/cmdline").read_text())


@pytest.mark.parametrize("whose", ["terminal", "server"])
def test_ctrl_c_and_the_death_of_the_temporary_server_leave_one_sentence(
    whose: str, sources: dict[str, Any], home: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "flows.command.cli", "run", "--workspace", str(tmp_path), *TINY]
    command += ["--large", sources["large"], "--small", sources["small"]]
    environment = of_its_own(home)
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "starting Prefect\n"
    assert process.stderr.readline().startswith("fetch sources")
    if whose == "terminal":
        os.killpg(process.pid, signal.SIGINT)
    else:
        os.kill(_server_of(process), signal.SIGKILL)
    said = process.stderr.read().splitlines()
    reason = {"terminal": "interrupted", "server": "Prefect's temporary server ended unexpectedly"}[whose]
    assert process.wait(10) == {"terminal": 130, "server": 1}[whose]
    assert said[-1] == f"cleansplit: {reason}; run the same command again to resume."
    assert not [line for line in said if "Traceback" in line or "Error" in line]


@pytest.mark.usefixtures("prefect_server")
def test_all_below_a_stopped_run_is_closed_however_many_tasks_it_has() -> None:
    @flow
    def outer() -> None: ...

    @flow
    def inner() -> None: ...

    @task
    def step() -> None: ...

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(outer, state=Running())
        tasks = [
            client.create_task_run(step, run.id, str(number), state=(Pending, Running)[number % 2]())
            for number in range(PAGE + 1)
        ]
        below = client.create_flow_run(inner, parent_task_run_id=tasks[-1].id, state=Running())
        last = client.create_task_run(step, below.id, "0", state=Running())
        close_unfinished(run.id, Cancelled())
        for closed in (run, below):
            state = client.read_flow_run(closed.id).state
            assert state
            assert state.is_cancelled()
        assert {client.read_task_run(each.id).state_name for each in (*tasks, last)} == {"Cancelled"}


@pytest.mark.usefixtures("prefect_server")
def test_what_ended_runs_left_is_closed_as_soon_as_they_are_surely_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    @flow(name=f"ours {uuid4()}")
    def outer() -> None: ...

    @flow
    def inner() -> None: ...

    @task
    def step() -> None: ...

    def states() -> Any:
        flows = [client.read_flow_run(run.id).state_name for run in below]
        return flows, [client.read_task_run(each.id).state_name for each in tasks]

    with get_client(sync_client=True) as client:
        served = client.create_deployment(client.create_flow(outer), "served")
        runs = [client.create_flow_run(outer, state=Running()) for _ in range(4)]
        runs.append(client.create_flow_run_from_deployment(served, state=Running()))
        steps = [client.create_task_run(step, run.id, "0", state=Running()) for run in runs]
        below = [client.create_flow_run(inner, parent_task_run_id=each.id, state=Running()) for each in steps]
        tasks = [client.create_task_run(step, run.id, "0", state=Running()) for run in below]
        last: tuple[Any, ...] = (Running(), Crashed(), Failed(), Cancelled(), Cancelled())
        for run, state in zip(runs, last, strict=True):
            client.set_flow_run_state(run.id, state, force=True)
        alive, closed = "Running", "Crashed"
        close_what_dead_runs_left([outer.name])
        assert states() == 2 * ([alive, closed, alive, alive, alive],)
        monkeypatch.setattr(closing, "HEARTBEAT", 0)  # it is later
        close_what_dead_runs_left([outer.name])
        assert states() == 2 * ([alive, closed, closed, alive, closed],)
