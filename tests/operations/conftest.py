"""A complete installation, as ``make serve`` starts it: real server, work pool, deployments, automations, worker."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.database import home_with_database

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_WAIT = 300  # for what has to start first, where other tests take all processors


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve everything; yield the environment that leads there; take it down and see that nothing is left."""
    home, port = home_with_database(tmp_path_factory.mktemp("prefect"), tmp_path_factory), free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url, "PREFECT_WORKER_QUERY_SECONDS": "1"}
    environment["CLEANSPLIT_WORKSPACE"] = str(home / "workspace")
    said = home / "serve.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.command.serve", "--port", str(port)],
            cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: "Ctrl-C here" in said.read_text() or process.poll() is not None)
        assert process.poll() is None, said.read_text()
        with temporary_settings({PREFECT_API_URL: url}):
            yield environment
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(90)
    assert process.returncode == 0, said.read_text()
    assert not processes_with(f"PREFECT_HOME={home}")


def prefect(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Prefect's own command in the project's folder."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=240, check=False
    )


def start(deployment: str, **parameters: object) -> UUID:
    """Ask the server of the settings for a run of a deployment, and return its id."""
    run: Any = run_deployment(deployment, parameters=parameters, timeout=0)
    return UUID(str(run.id))


def read(run: UUID) -> FlowRun:
    """Return the server's record of a run."""
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run)


def ended(run: UUID, seconds: float = SECONDS_TO_WAIT) -> Any:
    """Wait for a run to end and return its state."""
    until(lambda: bool((state := read(run).state) and state.is_final()), seconds)
    return read(run).state


def until(holds: Callable[[], bool], seconds: float = SECONDS_TO_WAIT) -> None:
    """Wait until something holds."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"waited {seconds} seconds"
        time.sleep(1)  # asking more often takes the processor from what is waited for


def processes_with(entry: str) -> list[int]:
    """Return the processes that have an entry in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if entry.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return [number for number in found if number != os.getpid()]


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
