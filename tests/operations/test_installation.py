"""An installation for a team: run, schedule, cancel, inspect retries, be notified of failures."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from logging import ERROR
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import httpx
import pytest
import yaml
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterName,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling
from pydantic import SecretStr

from flows.command.deploy import CORES_A_RUN, deploy
from flows.command.server import POOL
from flows.command.undeploy import undeploy
from flows.publish import key_of
from tasks.errors import ServerError, UsageError
from tests.build import glyphs, png, write_folder
from tests.faults.web import Handler, serve_all, status
from tests.flows.test_cli import here
from tests.flows.test_hostile_folder import ONE_AFTER_THE_OTHER
from tests.operations.conftest import (
    ROOT,
    SECONDS_TO_WAIT,
    ended,
    free_port,
    prefect,
    processes_with,
    read,
    start,
    until,
)

OUTPUT = ROOT / "tests" / "output"  # pictures that tests leave for people to look at
QUICK: dict[str, Any] = {"models": ["1nn"], "sizes": [50], "max_quarantine": 0.1}
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


FOREIGN = """
import sys, time
from prefect import flow, tags
from prefect.artifacts import create_markdown_artifact

@flow(name="audit", flow_run_name="theirs")
def audit(seconds):  # below a name and tags that we use, too
    create_markdown_artifact("theirs", key="summary")
    time.sleep(seconds)

with tags("cleansplit", "cleansplit-run"):
    audit(float(sys.argv[1]))
"""


def foreign_run(seconds: float, folder: Path, installation: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a run of another team: a function of the same name as one of ours, our tags, Prefect's own heartbeat."""
    file = folder / "theirs.py"
    file.write_text(FOREIGN)
    return subprocess.Popen([sys.executable, str(file), str(seconds)], env=os.environ | installation)


def runs_named(name: str) -> list[Any]:
    """Return the flow runs of a name."""
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[name])))


def logs_of(run: UUID, level: int = 0) -> list[str]:
    """Return the logs of a run and its subflows from a level on."""
    with get_client(sync_client=True) as client:
        own = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run])))
    below = [line for child in children_of(run) for line in logs_of(child.id, level)]
    return [entry.message for entry in own if entry.level >= level] + below


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


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize("entry", DEPLOYMENTS, ids=lambda e: e["entrypoint"])
def test_every_entrypoint_loads_and_describes_every_parameter(entry: dict[str, Any]) -> None:
    flow: Any = load_flow_from_entrypoint(str(ROOT / entry["entrypoint"]), use_placeholder_flow=False)
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment_by_name(f"{flow.name}/{entry['name']}")
    schema = deployed.parameter_openapi_schema
    assert schema is not None
    assert schema["properties"]["workspace"].get("default") is None, "it is found where the run runs"
    assert "workspace" not in deployed.parameters
    for name, described in schema["properties"].items():
        assert described["description"], name
        assert {"type", "anyOf", "enum", "$ref", "allOf"} & set(described), name
    assert deployed.global_concurrency_limit is not None
    assert deployed.global_concurrency_limit.limit == 1
    assert "/" not in str(entry.get("parameters", ""))


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the workspace of the run by hand and of the scheduled one after it."""
    return tmp_path_factory.mktemp("space") / "w"


def test_a_run_its_steps_and_its_artifacts(installation: dict[str, str], sources: dict[str, Any], space: Path) -> None:
    words = {"workspace": str(space), **sources} | {name: json.dumps(value) for name, value in QUICK.items()}
    by_hand = [f"-p{name}={value}" for name, value in words.items()]
    done = prefect("deployment", "run", "cleansplit/on-demand", *by_hand, **installation)
    assert done.returncode == 0, done.stdout + done.stderr
    run = UUID(done.stdout.split("UUID: ")[1].split()[0])
    assert ended(run).is_completed()
    assert re.fullmatch(r"sources \d{4}-\d\d-\d\d", read(run).name)
    found = artifacts_of(run)
    about = key_of([sources["large"], sources["small"]])
    names = ("summary", "overlap", "removed", "accuracy", "thresholds", "effects")
    assert {f"cleansplit-{about}-{name}" for name in names} <= set(found)
    assert all(key.startswith("cleansplit-") for key in found)
    assert str(found[f"cleansplit-{about}-thresholds"].data).startswith("data:image/png;base64,")
    assert not any("file://" in str(artifact.data) for artifact in found.values())
    assert {"cleansplit"} <= set(read(run).tags)
    assert all(child.tags == ["cleansplit"] for child in children_of(run)), "and these are not told of"
    said = [line for line in logs_of(run) if "fingerprints" in line]
    assert len(said) == len(set(said)), "each message once"
    raw = (space / "latest").resolve()

    again = start("cleansplit-sanitize/sanitize", workspace=space, threshold=0.99)
    assert ended(again).is_completed(), ended(again).message
    sanitized = json.loads((space / "latest" / "report.json").read_text())
    assert sanitized["spec"]["threshold"] == 0.99
    assert sanitized["scores"] == []

    last = start("cleansplit-evaluate/evaluate", workspace=space, run=raw.name, models=["1nn"], sizes=["all"])
    assert ended(last).is_completed(), ended(last).message
    scores = json.loads((space / "latest" / "report.json").read_text())["scores"]
    assert {score["model"] for score in scores} == {"1nn"}

    given = {"source": sources["large"], "max_quarantine": 0.1, "models": ["1nn"], "sizes": ["all"]}
    drawn = start("cleansplit-split/split", workspace=space, **given, trainings=1)
    assert ended(drawn).is_completed(), ended(drawn).message
    assert (space / "latest" / "groups.parquet").exists()


def test_a_scheduled_run_executes_by_itself_and_reuses_what_is_there(
    installation: dict[str, str], sources: dict[str, Any], space: Path
) -> None:
    given = {"workspace": str(space), **sources, **QUICK}
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("cleansplit/nightly")
        client.update_deployment(nightly.id, DeploymentUpdate(parameters=given))
        soon = datetime.now(UTC) + timedelta(seconds=20)
        seldom = IntervalSchedule(interval=timedelta(minutes=2), anchor_date=soon)  # the first run ends before the next
        every = DeploymentScheduleCreate(schedule=seldom, active=True)
        (schedule,) = client.create_deployment_schedules(nightly.id, [every])

        def runs() -> list[Any]:
            of = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[nightly.id]))
            found = [run for run in client.read_flow_runs(flow_run_filter=of) if run.state_name == "Completed"]
            return [run for run in found if run.parameters.get("workspace") == str(space)]  # not the run of 3 o'clock

        try:
            until(lambda: len(runs()) > 0)
        finally:
            client.delete_deployment_schedule(nightly.id, schedule.id)
        (run,) = runs()
    assert run.auto_scheduled
    reused = {task.name for task in tasks_of(run.id) if task.state_name == "Reused"}
    assert {"load large C", "load small J", "draw train, validation and test"} <= reused
    assert json.loads((space / "latest" / "report.json").read_text())["spec"]["sizes"] == QUICK["sizes"]


def test_a_cancelled_run_stops_and_leaves_nothing_half_done(installation: dict[str, str], tmp_path: Path) -> None:
    run = start("cleansplit/on-demand", workspace=tmp_path, workers=1)
    try:
        until(lambda: len(tasks_of(run)) > 5)
    finally:  # else the tests below would wait for it
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
    run = start("cleansplit-prepare/prepare", workspace=tmp_path, large=unwilling, small=sources["small"])
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


def installed(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the modules that install."""
    command = [sys.executable, "-m", f"flows.command.{module}", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize("command", [deploy, undeploy])
@pytest.mark.parametrize(
    ("address", "error", "sentence"),
    [
        (None, UsageError, "name the server in PREFECT_API_URL, for instance http://localhost:4200/api."),
        ("http://127.0.0.1:9/api", ServerError, "Prefect's server at http://127.0.0.1:9/api does not answer ("),
    ],
)
def test_without_a_server_nothing_is_deployed(
    command: Callable[..., None], address: str | None, error: type[Exception], sentence: str
) -> None:
    with temporary_settings({PREFECT_API_URL: address}), pytest.raises(error, match=re.escape(sentence)):
        command()


def test_a_module_that_fails_prints_one_sentence(tmp_path: Path) -> None:
    done = installed("undeploy", PREFECT_API_URL="", PREFECT_HOME=str(tmp_path))
    assert done.returncode == UsageError.exit_code
    assert done.stderr.startswith("cleansplit: name the server in PREFECT_API_URL")
    assert done.stderr.count("\n") == 1
    assert not done.stdout


@pytest.mark.parametrize("port", ["99999", "0"])
def test_a_port_that_does_not_exist_is_refused(port: str, tmp_path: Path) -> None:
    done = installed("serve", "--port", port, PREFECT_HOME=str(tmp_path))
    assert done.returncode == UsageError.exit_code
    assert done.stderr == f"cleansplit: port {port} does not exist; choose another: make serve PORT=4201\n"


def test_a_second_installation_in_the_same_folder_is_refused(installation: dict[str, str]) -> None:
    done = installed("serve", "--port", str(free_port()), **installation)
    assert done.returncode == UsageError.exit_code
    home = installation["PREFECT_HOME"]
    said = f"cleansplit: another `make serve` uses {home}; stop it, or serve apart: "
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_in_use_is_named(installation: dict[str, str], tmp_path: Path) -> None:
    port = installation["PREFECT_API_URL"].rpartition(":")[2].removesuffix("/api")
    done = installed("serve", "--port", port, PREFECT_HOME=str(tmp_path))
    assert done.returncode == UsageError.exit_code
    assert done.stderr.startswith(f"cleansplit: another process uses port {port}; stop it, or serve apart: ")


def test_what_the_server_keeps_outlives_it(installation: dict[str, str]) -> None:
    settings = httpx.get(f"{installation['PREFECT_API_URL']}/admin/settings").json()
    storage = settings["server"]["concurrency"]["lease_storage"]
    assert storage == "prefect.server.concurrency.lease_storage.filesystem"


def test_a_pool_has_a_limit_and_keeps_its_type(installation: dict[str, str]) -> None:
    with get_client(sync_client=True) as client:
        assert client.read_work_pool(POOL).concurrency_limit == max(1, (os.cpu_count() or 1) // CORES_A_RUN)
    with pytest.raises(UsageError, match="the work pool cleansplit is of type process; name another with --pool"):
        deploy(infrastructure="docker", image="cleansplit:0.2")


def by_command(*commands: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run commands against the installation's server, one after the other in a process."""
    lines = [shlex.join([*words, "--max-quarantine", "0.1"]) for words in commands]
    program = [sys.executable, "-c", ONE_AFTER_THE_OTHER, *lines]
    own = os.environ | environment
    return subprocess.run(program, cwd=ROOT, env=own, capture_output=True, text=True, timeout=240, check=False)


def test_a_password_comes_from_a_block_and_is_stored_nowhere_else(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    content, space = Path(sources["large"]).read_bytes(), str(tmp_path / "w")
    with served(type("Guarded", (Handler,), {"content": content, "fault": staticmethod(serve_all)})) as address:
        Secret(value=SecretStr(f"{address}/large.tar.gz?token=hushhush")).save("guarded")
        known, missing = (
            ("audit", "--train", f"secret:{name}", "--test", sources["small"], "--workspace", space)
            for name in ("guarded", "none")
        )
        done = by_command(known, missing, **installation)
    assert "/runs/guarded-" in done.stdout, done.stderr
    assert done.returncode == UsageError.exit_code
    assert "secret:none: the server has no Secret block none; create it" in done.stderr
    home = Path(installation["PREFECT_HOME"])
    left = [path for folder in (tmp_path, home) for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in left if b"hushhush" in path.read_bytes()], "the block is encrypted"


def test_another_overlap_than_the_last_time_is_an_event(
    installation: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    own = {name: tmp_path / f"{name}.tar.gz" for name in ("large", "small")}
    for name, path in own.items():
        shutil.copy(sources[name], path)
    about = key_of([str(own["large"]), str(own["small"])])
    given = ("audit", "--train", str(own["large"]), "--test", str(own["small"]), "--workspace", str(tmp_path / "w"))
    assert by_command(given, given, **installation).returncode == 0
    assert events_of(about) == []
    assert versions_of(f"cleansplit-{about}-summary") == 2
    assert versions_of(f"cleansplit-{about}-overlap") == 1, "nothing has changed"
    shutil.copy(sources["large"], own["small"])
    last = by_command(given, (*given, "--max-overlap", "0.1"), **installation)
    assert last.returncode == 4, last.stderr
    until(lambda: len(events_of(about)) == 1, 30)
    (event,) = events_of(about)
    assert event["payload"]["now"]["test in train"] > event["payload"]["before"]["test in train"]
    passed = (f"cleansplit.sources.{about}", "cleansplit.gate.passed")
    until(lambda: len(events(*passed)) == 3, 30)
    gates = events(*passed)
    assert [event["payload"]["gate"] for event in gates] == ["max_quarantine"] * 3, "of each new result"
    assert all(0 < event["payload"]["value"] <= event["payload"]["limit"] == 0.1 for event in gates)
    told = (f"cleansplit.sources.{about}", "cleansplit.gate.failed")
    until(lambda: len(events(*told)) == 1, 30)
    assert events(*told)[0]["payload"] == {
        "gate": "max_overlap",
        "value": 1.0,
        "limit": 0.1,
        "run": Path(last.stdout.splitlines()[-1]).name,
    }
    made = events("cleansplit://" + about, "prefect.asset.materialization.succeeded")
    assert {event["resource"]["prefect.resource.id"].rpartition("/")[2] for event in made} == {"raw", "sanitized"}
    with get_client(sync_client=True) as client:
        newest = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC)
    mine = [run for run in newest if str(own["large"]) in str(run.parameters) and run.parent_task_run_id is None]
    assert {tuple(run.tags) for run in mine} == {("cleansplit",)}, "of the command, too"


def versions_of(key: str) -> int:
    """Return how often an artifact was written."""
    with get_client(sync_client=True) as client:
        return len(client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))))


def events_of(about: str) -> list[dict[str, Any]]:
    """Return the events of sources whose overlap has changed."""
    return events(f"cleansplit.sources.{about}", "cleansplit.overlap.changed")


def events(resource: str, name: str) -> list[dict[str, Any]]:
    """Return the events of resources whose names have a prefix."""
    asked = {"filter": {"resource": {"id_prefix": [resource]}, "event": {"name": [name]}}, "limit": 50}
    found: list[dict[str, Any]] = httpx.post(f"{PREFECT_API_URL.value()}/events/filter", json=asked).json()["events"]
    return found


class Carried(NamedTuple):
    """Where the code of deployments comes from, the variables of their jobs, and what was told meanwhile."""

    image: tuple[dict[str, Any], dict[str, Any]]
    repository: tuple[dict[str, Any], dict[str, Any]]
    address: str
    told: list[str]


@pytest.fixture(scope="module")
def carried(installation: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """Deploy for a cluster, with an address for notifications, and then the same from a repository for this machine."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository of the project, which is not there")
    bare = tmp_path_factory.mktemp("bare") / "cleansplit.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(bare)], check=True)
    with chat() as (address, told):
        with pytest.MonkeyPatch.context() as environment:
            for name, value in installation.items():
                environment.setenv(name, value)
            deploy(pool="kubernetes", infrastructure="kubernetes", image="cleansplit:0.2")
        of_image = of_deployment()
        done = installed("deploy", "--git", bare.as_uri(), "--notify", address, **installation)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        of_repository = of_deployment()
        with get_client(sync_client=True) as client:
            client.delete_work_pool("kubernetes")
        yield Carried(of_image, of_repository, bare.as_uri(), told)


def of_deployment() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return where a deployment's code comes from and the variables of its jobs, which Prefect has checked."""
    with get_client(sync_client=True) as client:
        deployed = client.read_deployment_by_name("cleansplit-audit/audit")
    return (deployed.pull_steps or [{}])[0], deployed.job_variables


def test_deployments_may_carry_their_code(carried: Carried, failed: UUID) -> None:
    pull, variables = carried.image
    assert pull == {"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}
    assert variables["image"] == "cleansplit:0.2"
    assert variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
    assert carried.repository[0] == {"prefect.deployments.steps.git_clone": {"repository": carried.address}}
    with get_client(sync_client=True) as client:
        steps = [deployed.pull_steps for deployed in client.read_deployments()]
    assert steps == [[carried.repository[0]]] * len(DEPLOYMENTS), "of the runs that fail and end below, too"
    until(lambda: any("git_clone" in line for line in logs_of(failed)), 15)


@pytest.fixture(scope="module")
def failed(carried: Carried, sources: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> UUID:
    """Return a run that has failed since a source is missing."""
    space = tmp_path_factory.mktemp("failed")
    run = start("cleansplit-audit/audit", workspace=space, train=sources["large"], test='/a"b.tar')
    assert ended(run).is_failed()
    return run


def test_a_failure_is_the_sentence_of_the_command(failed: UUID, sources: dict[str, Any], tmp_path: Path) -> None:
    beyond = start("cleansplit/on-demand", workspace=tmp_path, **sources, threshold=1.5)
    assert ended(beyond).message == "threshold: give a number of at least 0 and at most 1."
    sentence = 'test /a"b.tar does not exist; name an archive, a folder or a URL (docs/data.md has all forms).'
    assert ended(failed).message == sentence
    until(lambda: sum(sentence in line for line in logs_of(failed, ERROR)) == 2, 15)  # by the task, and by the run
    assert not any("Traceback" in line or "exception" in line for line in logs_of(failed))
    for deployment in ("cleansplit-dedupe/dedupe", "cleansplit-split/split"):
        with pytest.raises(PrefectHTTPStatusError, match="'source' is a required property"):
            start(deployment, workspace=tmp_path)


def test_a_failed_run_and_what_became_of_a_batch_are_told_to_the_address_that_was_given(
    installation: dict[str, str], carried: Carried, failed: UUID, tmp_path: Path
) -> None:
    of_this = 'test /a"b.tar does not exist'  # the server may also tell of the dead run of another test
    until(lambda: any(of_this in text for text in carried.told), 60)
    known, batch = (
        str(write_folder(tmp_path / name, {f"a/{number}.png": png(glyph) for number, glyph in some}))
        for every in [list(enumerate(glyphs(30, seed=1)))]
        for name, some in (("known", every[:20]), ("tonight", every[18:]))
    )
    adding = by_command(("arrivals", known, "--against", "known", "--whole"), **installation)
    assert adding.returncode == 0, adding.stderr
    send({"source": batch, "against": ["known"], "accept": True})
    until(lambda: any("tonight: 10 new, 2 known" in text for text in carried.told))
    assert sum(of_this in text for text in carried.told) == 1, "once, although the run below it failed as well"


def send(payload: dict[str, Any]) -> None:
    """Tell the server that a batch is ready."""
    event: dict[str, Any] = {"event": "cleansplit.batch.ready", "payload": payload}
    event |= {"id": str(uuid4()), "occurred": datetime.now(UTC).isoformat()}
    event |= {"resource": {"prefect.resource.id": "images.tonight"}}
    httpx.post(f"{PREFECT_API_URL.value()}/events", json=[event]).raise_for_status()


@pytest.mark.parametrize(
    ("payload", "wrong"),
    [
        ({"source": "/tonight"}, "'against'. Failure reason: None is not of type 'array'"),
        ({"against": ["known"]}, "'source'. Failure reason: None is not of type 'string'"),
        ({"source": "/tonight", "against": "known"}, "'against'. Failure reason: 'known' is not of type 'array'"),
        ({"source": "/tonight", "against": ["known"], "accept": "yes"}, "'accept'. Failure reason: 'yes' is not"),
    ],
)
def test_a_batch_that_starts_no_run_is_told(carried: Carried, payload: dict[str, Any], wrong: str) -> None:
    before = len(carried.told)
    send(payload)
    until(lambda: any(f"field {wrong}" in text for text in carried.told[before:]), 60)
    assert any(text.startswith("no run was started for a batch: ") for text in carried.told[before:])


def test_the_doctor_sees_the_whole_installation(installation: dict[str, str], tmp_path: Path) -> None:
    done = here("doctor", "--workspace", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "work pool cleansplit (process), 1 worker\n" in done.stdout
    assert re.search(rf"{tmp_path} can be written, 0 runs, [\d.]+ GB free", done.stdout)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        done = here("doctor", "--workspace", str(tmp_path))
    assert done.returncode == 1
    assert "server     WRONG: Prefect's server at http://127.0.0.1:9/api does not answer" in done.stdout


def test_removing_ours_leaves_what_others_have(installation: dict[str, str], tmp_path: Path) -> None:
    assert foreign_run(0, tmp_path, installation).wait(SECONDS_TO_WAIT) == 0
    (theirs,) = runs_named("theirs")
    assert ended(theirs.id).is_completed()
    with get_client(sync_client=True) as client:
        foreign = AutomationCore.model_validate(
            yaml.safe_load((ROOT / "automations.yaml").read_text())["automations"][0] | {"name": "theirs"}
        )
        client.create_automation(foreign)
        client.create_work_pool(WorkPoolCreate(name="theirs", type="process"))
        client.create_deployment(theirs.flow_id, name="theirs", work_pool_name="theirs", tags=["cleansplit"])
        before = {run.id for run in client.read_flow_runs() if run.id != theirs.id}
    cleaning = f"from flows.keeping import clean; clean(keep=30, workspace={str(tmp_path)!r})"
    own = os.environ | installation | {"CLEANSPLIT_RUN_DAYS": "0"}
    subprocess.run([sys.executable, "-c", cleaning], env=own, check=True)  # Prefect's events go to one server a process
    with get_client(sync_client=True) as client:
        left = client.read_flow_runs()
    assert before
    ended_runs = sorted(run.name.split()[0] for run in left if run.state and run.state.is_final())
    assert ended_runs == ["clean", "theirs"], "the cleaning itself, and what is not ours"
    done = installed("undeploy", **installation)
    assert done.returncode == 0, done.stderr
    with get_client(sync_client=True) as client:
        assert [deployment.name for deployment in client.read_deployments()] == ["theirs"]
        assert [pool.name for pool in client.read_work_pools()] == ["theirs"]
        assert [automation.name for automation in client.read_automations()] == ["theirs"]
        assert [flow.name for flow in client.read_flows()] == ["audit"]
        assert [run.name for run in client.read_flow_runs()] == ["theirs"]
        assert [artifact.key for artifact in client.read_artifacts()] == ["summary"]
        assert "cleansplit-notifications" not in [block.name for block in client.read_block_documents()]


@contextlib.contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a port of our own for as long as the block runs; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextlib.contextmanager
def chat() -> Iterator[tuple[str, list[str]]]:
    """Serve a chat system's address for notifications; give the address, and the lines that arrive."""
    told = list[str]()

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(Chat) as address:
        yield address, told
