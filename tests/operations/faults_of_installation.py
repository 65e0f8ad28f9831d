"""What dies in an installation, and what must not: takes minutes of waiting, and is part of ``make faults``."""

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
from prefect.states import Cancelled

from tests.operations.conftest import ROOT, ended, prefect, processes_with, read, start, until
from tests.operations.test_installation import DEPLOYMENTS, children_of, foreign_run, runs_named, tasks_of

LONGER_THAN_THE_LIMIT = 440  # seconds; without a heartbeat, ours are dead after 420


@pytest.fixture(scope="module")
def dead_run(installation: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> UUID:
    """Start a run with a worker of its own, and kill both; what is asked of it can wait until the last test."""
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
    for number in processes_with(f"PREFECT__FLOW_RUN_ID={run}"):
        os.kill(number, signal.SIGKILL)
    return run


@pytest.fixture(scope="module")
def theirs(installation: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """Start a run of another team that outlives the limit."""
    process = foreign_run(LONGER_THAN_THE_LIMIT, tmp_path_factory.mktemp("theirs"), installation)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def beside_others(theirs: subprocess.Popen[bytes], dead_run: UUID) -> None:
    """Let a foreign and a dead run be the first, so that heartbeats are missed while the other tests run."""


def test_a_worker_that_dies_is_started_again(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    (worker,) = (
        n for n in processes_with(f"PREFECT_HOME={installation['PREFECT_HOME']}") if is_worker(n, "cleansplit")
    )
    os.kill(worker, signal.SIGKILL)
    given = {"train": sources["large"], "test": sources["small"], "max_quarantine": 0.1}
    run = start("cleansplit-audit/audit", workspace=tmp_path / "w", **given)
    assert ended(run).is_completed(), ended(run).message
    said = (Path(installation["PREFECT_HOME"]) / "serve.log").read_text()
    assert "the worker ended by itself" in said
    assert "worker.log" in said


def is_worker(process: int, pool: str) -> bool:
    """Say whether a process is the worker of a pool."""
    words = (Path("/proc") / str(process) / "cmdline").read_text().split("\0")
    return ["worker", "start", "--pool", pool] in (words[-5:-1], words[-6:-2])


@pytest.mark.timeout(2 * LONGER_THAN_THE_LIMIT)
def test_a_run_whose_worker_was_killed_does_not_stay_running(
    installation: dict[str, str], dead_run: UUID, tmp_path: Path
) -> None:
    state = ended(dead_run, LONGER_THAN_THE_LIMIT + 100)
    assert state.is_crashed()
    assert state.message.startswith("No heartbeat for 7 minutes")
    missing = {"large": "/nowhere.tar", "small": "/nowhere.zip"}
    again = start("cleansplit/on-demand", workspace=tmp_path, **missing)  # closes what is below
    assert ended(again).is_failed()
    assert all(ended(child.id, 10).is_crashed() for child in children_of(dead_run))
    until(lambda: all(task.state.is_final() for task in tasks_of(dead_run)), 30)


IN_PYTHON = """
import sys
from flows.pipeline import cleansplit
from tasks.errors import StoppedError
try:
    cleansplit(workspace=sys.argv[-1], trainings=25)
except StoppedError as error:
    print(error)
"""
BY_COMMAND = "from flows.command.cli import main; main()"


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (BY_COMMAND, 143, "cleansplit: cancelled on Prefect's server; run the same command again to resume."),
        (IN_PYTHON, 0, "the run was cancelled on Prefect's server; call it again to resume."),
    ],
    ids=["command", "Python"],
)
def test_whoever_started_a_run_hears_that_it_was_cancelled(
    program: str, code: int, said: str, installation: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", program, "run", "--trainings", "25", "--workspace", str(tmp_path / "w")]
    with (tmp_path / "said").open("w") as out:
        process = subprocess.Popen(command, env=os.environ | installation, stdout=out, stderr=out)

    def mine() -> list[FlowRun]:
        return [run for run in newest() if str(tmp_path) in str(run.parameters) and run.state_name == "Running"]

    until(lambda: len(mine()) == 1)
    (run,) = mine()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelled(), force=True)
    assert process.wait(60) == code
    assert said in (tmp_path / "said").read_text().splitlines()
    assert ended(run.id).is_cancelled()
    assert list((tmp_path / "w").glob("stages/*/.*.building")) == []


def newest() -> list[FlowRun]:
    """Return the newest flow runs."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=20)


@pytest.mark.timeout(2 * LONGER_THAN_THE_LIMIT)
def test_a_foreign_run_goes_on(theirs: subprocess.Popen[bytes]) -> None:
    assert theirs.wait(LONGER_THAN_THE_LIMIT + 60) == 0
    (run,) = runs_named("theirs")
    assert ended(run.id).is_completed()
