"""What a team does with an installation: run, schedule, cancel, look at retries, be told of failures, lose a worker."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.flows import load_flow_from_entrypoint
from prefect.states import Cancelling

from tests.faults.web import Handler, serve_all, status
from tests.operations.conftest import ROOT, ended, prefect, processes_with, read, start, until

OUTPUT = ROOT / "tests" / "output"  # pictures that tests leave for people to look at
QUICK = {"models": '["softmax"]', "sizes": "[50]", "max_quarantine": 0.1}
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


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
    run = start("cleansplit/doomed", installation, workspace=tmp_path_factory.mktemp("doomed"))
    until(lambda: read(run).state_name == "Running", 60)
    until(lambda: len(children_of(run)) > 0, 60)
    worker.kill()
    worker.wait()
    for number in processes_with(f"PREFECT__FLOW_RUN_ID={run}"):
        os.kill(number, signal.SIGKILL)
    return run


@pytest.fixture(autouse=True)
def after_a_death(dead_run: UUID) -> None:
    """Let the dead run be the first, so that its heartbeats are missed while the other tests run."""


def children_of(run: UUID) -> list[Any]:
    """Return the subflow runs of a run."""
    below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=below)


def tasks_of(run: UUID) -> list[Any]:
    """Return the task runs of a run and of all below it."""
    with get_client(sync_client=True) as client:
        own = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
    return own + [task for child in children_of(run) for task in tasks_of(child.id)]


def artifacts_of(run: UUID) -> dict[str, Any]:
    """Return the artifacts of a run and of all below it, by key."""
    with get_client(sync_client=True) as client:
        of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
        found = {str(artifact.key): artifact for artifact in client.read_artifacts(artifact_filter=of_run)}
    for child in children_of(run):
        found |= artifacts_of(child.id)
    return found


@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=lambda e: e["entrypoint"])
def test_every_entrypoint_loads_and_describes_every_parameter(entry: dict[str, Any]) -> None:
    flow: Any = load_flow_from_entrypoint(str(ROOT / entry["entrypoint"]), use_placeholder_flow=False)
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment_by_name(f"{flow.name}/{entry['name']}")
    schema = deployed.parameter_openapi_schema
    assert schema is not None
    for name, described in schema["properties"].items():
        assert described["description"], name
        assert {"type", "anyOf", "enum", "$ref", "allOf"} & set(described), name
    assert deployed.global_concurrency_limit is not None
    assert deployed.global_concurrency_limit.limit == 1
    assert "/" not in str(entry.get("parameters", ""))


def test_a_run_its_steps_and_its_artifacts(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    space = tmp_path / "w"
    first = start("prepare/on-demand", installation, workspace=space, **sources)
    assert ended(first).is_completed()
    run = start("cleansplit/on-demand", installation, workspace=space, **sources, **QUICK)
    assert ended(run).is_completed()
    assert re.fullmatch(r"sources\d+ \d{4}-\d\d-\d\d", read(run).name)
    reused = {task.name for task in tasks_of(run) if task.state_name == "Reused"}
    assert {"load large C", "fingerprint small J", "draw train, validation and test"} <= reused
    found = artifacts_of(run)
    assert {"summary", "overlap", "removed", "accuracy", "report"} <= set(found)
    raw = (space / "latest").resolve()

    again = start("sanitize/on-demand", installation, workspace=space, threshold=0.99)
    assert ended(again).is_completed(), ended(again).message
    sanitized = json.loads((space / "latest" / "report.json").read_text())
    assert sanitized["spec"]["threshold"] == 0.99
    assert sanitized["scores"] == []

    last = start("evaluate/on-demand", installation, workspace=space, run=raw.name, models='["1nn"]', sizes='["all"]')
    assert ended(last).is_completed(), ended(last).message
    scores = json.loads((space / "latest" / "report.json").read_text())["scores"]
    assert {score["model"] for score in scores} == {"1nn"}

    alone = start("dedupe/on-demand", installation, workspace=space, source=sources["large"], max_quarantine=0.1)
    assert ended(alone).is_completed(), ended(alone).message
    assert (space / "latest" / "remove.txt").exists()
    assert "groups" in artifacts_of(alone)
    given = {"source": sources["large"], "max_quarantine": 0.1, "models": '["1nn"]', "sizes": '["all"]'}
    drawn = start("split/on-demand", installation, workspace=space, **given, trainings=1)
    assert ended(drawn).is_completed(), ended(drawn).message
    assert (space / "latest" / "groups.parquet").exists()


def test_a_failure_is_the_sentence_of_the_command(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    refused = start("cleansplit/on-demand", installation, workspace=tmp_path, **sources, threshold=0.955)
    assert ended(refused).is_failed()
    assert ended(refused).message == "threshold 0.955 is not a whole percent; use for instance 0.95."
    beyond = start("cleansplit/on-demand", installation, workspace=tmp_path, **sources, threshold=1.5)
    assert ended(beyond).message == "threshold: Input should be less than or equal to 1"
    unknown = start("evaluate/on-demand", installation, workspace=tmp_path)
    assert (
        ended(unknown).message == f"there is no run latest; give its folder, its id below {tmp_path}/runs, or latest."
    )


def test_a_scheduled_run_executes_by_itself(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    given = {"workspace": str(tmp_path), **sources, "models": ["softmax"], "sizes": [50], "max_quarantine": 0.1}
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("cleansplit/nightly")
        client.update_deployment(nightly.id, DeploymentUpdate(parameters=given))
        every = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(seconds=20)), active=True)
        (schedule,) = client.create_deployment_schedules(nightly.id, [every])

        def runs() -> list[Any]:
            of = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[nightly.id]))
            return [run for run in client.read_flow_runs(flow_run_filter=of) if run.state_name == "Completed"]

        try:
            until(lambda: len(runs()) > 0, 120)
        finally:
            client.delete_deployment_schedule(nightly.id, schedule.id)
        assert runs()[0].auto_scheduled
    assert (tmp_path / "latest" / "report.json").is_file()


def test_a_cancelled_run_stops_and_leaves_nothing_half_done(installation: dict[str, str], tmp_path: Path) -> None:
    run = start("cleansplit/on-demand", installation, workspace=tmp_path)
    until(lambda: len(tasks_of(run)) > 5, 60)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, Cancelling(), force=True)
    assert ended(run).is_cancelled()
    until(lambda: not processes_with(f"PREFECT__FLOW_RUN_ID={run}"), 30)
    assert all(child.state.is_final() for child in children_of(run))
    until(lambda: all(task.state.is_final() for task in tasks_of(run)), 30)
    assert list(tmp_path.glob("stages/*/.*.building")) == []


@pytest.fixture
def unwilling(sources: dict[str, Any]) -> Iterator[str]:
    """Serve an archive that is refused twice before it is given."""
    answers = iter([status(503), status(500)])
    content = Path(sources["large"]).read_bytes()
    handler = type("Unwilling", (Handler,), {"content": content})
    handler.fault = staticmethod(lambda answer, data: next(answers, serve_all)(answer, data))  # type: ignore[attr-defined]
    with served(handler) as address:
        yield f"{address}/large.tar.gz"


def test_retries_can_be_inspected(
    installation: dict[str, str], sources: dict[str, Any], unwilling: str, tmp_path: Path
) -> None:
    run = start(
        "cleansplit/on-demand", installation, workspace=tmp_path, large=unwilling, small=sources["small"], **QUICK
    )
    assert ended(run).is_completed(), ended(run).message
    task = next(task for task in tasks_of(run) if task.name == "fetch large")
    with get_client(sync_client=True) as client:
        states = [state.name for state in client.read_task_run_states(task.id)]
    assert states == ["Pending", "Running", *["AwaitingRetry", "Retrying"] * 2, "Completed"]
    assert task.run_count == 3

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("the states are right; the UI needs a Chromium, which is not installed")
    page = f"{installation['PREFECT_API_URL'].removesuffix('/api')}/v2/runs/task-run/{task.id}"
    OUTPUT.mkdir(exist_ok=True)
    script = [
        sys.executable,
        "-m",
        "tests.operations.picture",
        chromium,
        page,
        str(OUTPUT / "retries.png"),
        "Retry 2/3",
    ]
    shown = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"Run Count\s+3", shown.stdout)
    assert re.search(r"Retries\s+3", shown.stdout)
    assert "503" in shown.stdout
    assert "500" in shown.stdout


def test_the_example_tells_of_a_failed_run(installation: dict[str, str], tmp_path: Path) -> None:
    told: list[str] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL)
    with served(Chat) as address:
        code = example.replace("https://chat.example.org/hooks/cleansplit", address)
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | installation, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        run = start("cleansplit/on-demand", installation, workspace=tmp_path, threshold=0.955)
        assert ended(run).is_failed()
        until(lambda: len(told) > 0, 60)
    assert "threshold 0.955 is not a whole percent" in told[0]


def test_a_run_whose_worker_was_killed_does_not_stay_running(dead_run: UUID) -> None:
    state = ended(dead_run, 240)
    assert state.is_crashed()
    assert state.message.startswith("No heartbeat for 90 seconds")


@contextlib.contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a port of our own for as long as the block runs; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
