"""Processes of an installation die while others use its server: part of ``make faults``, since it takes minutes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Cancelling

from flows.command.serve import ENVIRONMENT
from tests.operations.conftest import ROOT, ended, prefect, processes_with, read, start, until
from tests.operations.others import Others, states_of
from tests.operations.outage import answers, running
from tests.operations.test_installation import DEPLOYMENTS, chat, children_of, installed, tasks_of

LONGER_THAN_THE_LIMIT = 440  # seconds; without a heartbeat, ours are dead after 420
pytestmark = pytest.mark.timeout(2 * LONGER_THAN_THE_LIMIT)  # the first test also waits for the installation
MISSING = {"large": "/nowhere.tar", "small": "/nowhere.zip"}


@pytest.fixture(scope="module")
def dead_run(installation: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> UUID:
    """Start a run with a worker of its own, and kill both; the last test asks for its state."""
    assert prefect("work-pool", "create", "doomed", "--type", "process", **installation).returncode == 0
    entry = DEPLOYMENTS[0] | {"name": "doomed", "work_pool": DEPLOYMENTS[0]["work_pool"] | {"name": "doomed"}}
    file = tmp_path_factory.mktemp("deployment") / "prefect.yaml"
    file.write_text(yaml.safe_dump({"name": "cleansplit", "pull": None, "deployments": [entry]}))
    deployed = prefect("deploy", "--all", "--prefect-file", str(file), **installation)
    assert deployed.returncode == 0, deployed.stderr
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "doomed"]
    worker = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | installation, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    run = start("cleansplit/doomed", workspace=tmp_path_factory.mktemp("doomed"))
    until(lambda: read(run).state_name == "Running", 60)
    until(lambda: len(children_of(run)) > 0, 60)
    worker.kill()
    worker.wait()
    kill(run)
    return run


def kill(run: UUID) -> None:
    """Kill the processes of a deployed run."""
    for number in processes_with(f"PREFECT__FLOW_RUN_ID={run}"):
        os.kill(number, signal.SIGKILL)


@pytest.fixture(scope="module")
def others(installation: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    """Let another team have a run that outlives the limit, and one whose process is dead."""
    with Others(tmp_path_factory.mktemp("theirs"), installation) as team:
        team.begin(LONGER_THAN_THE_LIMIT)
        yield team


@pytest.fixture(autouse=True)
def beside_others(others: Others, dead_run: UUID) -> None:
    """Let foreign and dead runs be the first, so that heartbeats are missed while the other tests run."""


def test_only_the_worker_dies_so_its_run_ends_and_another_worker_is_started(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    given = {"train": sources["large"], "test": sources["small"], "max_quarantine": 0.1}
    run = start("cleansplit-audit/audit", workspace=tmp_path / "w", **given)
    until(lambda: read(run).state_name == "Running", 60)
    kill_worker(installation)
    assert read(run).state_name == "Running", "the worker died before its run"
    assert ended(run).is_completed(), ended(run).message
    assert ended(start("cleansplit/on-demand", workspace=tmp_path, **MISSING)).is_failed(), "another worker has it"
    said = (Path(installation["PREFECT_HOME"]) / "serve.log").read_text()
    assert "the worker ended by itself" in said
    assert "worker.log" in said


def test_a_run_whose_worker_died_stops_when_it_is_cancelled(installation: dict[str, str], tmp_path: Path) -> None:
    run = start("cleansplit/on-demand", workspace=tmp_path, trainings=25)
    until(lambda: len(tasks_of(run)) > 5)
    kill_worker(installation)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, Cancelling(), force=True)
    assert ended(run, 60).is_cancelled()
    until(lambda: not processes_with(f"PREFECT__FLOW_RUN_ID={run}"), 60)
    assert all(child.state.is_final() for child in children_of(run))
    until(lambda: all(task.state.is_final() for task in tasks_of(run)), 30)


def kill_worker(installation: dict[str, str]) -> None:
    """Kill the worker that `make serve` keeps."""
    (worker,) = (
        number
        for number in processes_with(f"PREFECT_HOME={installation['PREFECT_HOME']}")
        if "worker start --pool cleansplit" in (Path("/proc") / str(number) / "cmdline").read_text().replace("\0", " ")
    )
    os.kill(worker, signal.SIGKILL)


def test_a_run_whose_process_dies_is_crashed_and_continues(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    given = {**sources, "workspace": tmp_path, "models": ["1nn"], "sizes": [50], "max_quarantine": 0.1}
    run = start("cleansplit/on-demand", **given)
    until(lambda: any(task.state_name == "Completed" for task in tasks_of(run)))
    kill(run)
    state = ended(run, 30)
    assert state.is_crashed()
    assert "SIGKILL" in state.message
    again = start("cleansplit/on-demand", **given)
    assert ended(again).is_completed(), ended(again).message
    assert any(task.state_name == "Reused" for task in tasks_of(again))


def test_a_night_that_is_skipped_is_told(installation: dict[str, str], tmp_path: Path) -> None:
    with chat() as (address, told):
        assert installed("deploy", "--notify", address, **installation).returncode == 0
        long = start("cleansplit/nightly", workspace=tmp_path, trainings=25)
        until(lambda: read(long).state_name == "Running", 60)
        skipped = start("cleansplit/nightly", workspace=tmp_path)
        assert ended(skipped).is_cancelled()
        name = read(skipped).name
        until(lambda: any(name in line for line in told), 60)
        assert read(long).state_name == "Running"
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(long, Cancelled(), force=True)
        until(lambda: not processes_with(f"PREFECT__FLOW_RUN_ID={long}"), 60)
    assert told[0] == f"{name} of cleansplit: skipped, since the run before it is still active."


def test_a_run_whose_worker_was_killed_does_not_stay_running(
    installation: dict[str, str], dead_run: UUID, tmp_path: Path
) -> None:
    state = ended(dead_run, LONGER_THAN_THE_LIMIT + 100)
    assert state.is_crashed()
    assert state.message.startswith("No heartbeat for 7 minutes")
    again = start("cleansplit/on-demand", workspace=tmp_path, **MISSING)  # closes what is below
    assert ended(again).is_failed()
    assert all(ended(child.id, 10).is_crashed() for child in children_of(dead_run))
    until(lambda: all(task.state.is_final() for task in tasks_of(dead_run)), 30)


BY_COMMAND = "from flows.command.cli import main; main()"
IN_PYTHON = """
import sys
from flows.pipeline import cleansplit
from tasks.errors import StoppedError

def call():
    try:
        cleansplit(workspace=sys.argv[-1], trainings=25)
    except StoppedError as error:
        print(error)
"""
IN_THREADS = """
import threading
other = threading.Thread(target=cleansplit, kwargs={"workspace": sys.argv[-1] + " of another", "models": ["softmax"]})
called = threading.Thread(target=call)
for thread in (other, called):
    thread.start()
called.join()
other.join()
"""


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (BY_COMMAND, 143, "cleansplit: cancelled on Prefect's server; run the same command again to resume."),
        (f"{IN_PYTHON}\ncall()", 0, "the run was cancelled on Prefect's server; call it again to resume."),
        (IN_PYTHON + IN_THREADS, 0, "the run was cancelled on Prefect's server; call it again to resume."),
    ],
    ids=["command", "Python", "Python in a thread"],
)
def test_whoever_started_a_run_hears_that_it_was_cancelled(
    program: str, code: int, said: str, installation: dict[str, str], tmp_path: Path
) -> None:
    space = tmp_path / "w"
    command = [sys.executable, "-c", program, "run", "--trainings", "25", "--workspace", str(space)]
    with (tmp_path / "said").open("w") as out:
        process = subprocess.Popen(command, env=os.environ | installation, stdout=out, stderr=out)
    run = cancel_what_uses(space)
    seconds = 60 if code else 180  # a program waits for its running tasks, which on a busy machine take a minute
    until(lambda: said in (tmp_path / "said").read_text().splitlines(), seconds)
    assert process.wait(300 if IN_THREADS in program else 10) == code
    assert ended(run).is_cancelled()
    assert list(space.glob("stages/*/.*.building")) == []
    if IN_THREADS in program:
        assert (tmp_path / "w of another" / "latest" / "report.json").is_file(), "the other run goes on"


def cancel_what_uses(workspace: Path) -> UUID:
    """Cancel the run that uses a workspace, as soon as it runs."""

    def mine() -> list[FlowRun]:
        found = [run for run in newest() if run.parameters.get("workspace") == str(workspace)]
        return [run for run in found if run.state_name == "Running" and len(tasks_of(run.id)) > 5]

    until(lambda: len(mine()) == 1)
    (run,) = mine()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelled(), force=True)
    return UUID(str(run.id))


def newest() -> list[FlowRun]:
    """Return the newest flow runs."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=20)


def test_a_flow_of_others_outlives_a_run_of_ours_that_it_calls(tmp_path: Path) -> None:
    theirs = start("calls ours/nightly", folder=tmp_path)
    ours = cancel_what_uses(tmp_path)
    assert ended(theirs, 60).is_completed(), ended(theirs).message
    assert ended(ours).is_cancelled()


def test_automations_touch_no_run_of_others(others: Others) -> None:
    assert ended(others.long, LONGER_THAN_THE_LIMIT + 60).is_completed()
    assert ended(others.long_deployed, 60).is_completed()
    assert read(others.dead).state_name == "Running", "which nobody but them may change"


def test_ctrl_c_on_serve_ends_ours_and_nothing_of_theirs(
    installation: dict[str, str], others: Others, tmp_path: Path
) -> None:
    theirs, ours = others.started(60), start("cleansplit/on-demand", workspace=tmp_path, trainings=25)
    until(lambda: read(ours).state_name == "Running", 60)
    before = states_of(theirs), states_of(others.dead)
    (serving,) = (
        n for n in processes_with(f"PREFECT_HOME={installation['PREFECT_HOME']}")
        if "flows.command.serve" in (Path("/proc") / str(n) / "cmdline").read_text()
    )  # fmt: skip
    os.kill(serving, signal.SIGINT)
    until(lambda: not processes_with(f"PREFECT_HOME={installation['PREFECT_HOME']}"), 90)
    assert processes_with(f"PREFECT__FLOW_RUN_ID={theirs}"), "their process goes on"
    address = installation["PREFECT_API_URL"]
    again = ("server", "start", "--host", "127.0.0.1", "--port", address.rpartition(":")[2].removesuffix("/api"))
    with running(*again, environment=os.environ | ENVIRONMENT | installation):
        until(lambda: answers(address), 90)
        assert (states_of(theirs), states_of(others.dead)) == before
        assert ended(ours).is_cancelled()
        assert ended(theirs).is_completed()
        assert ended(others.started(0)).is_completed(), "their worker serves them"
