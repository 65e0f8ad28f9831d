"""Kill Prefect's server in a run of some minutes, start it again, and say how the run ends: [--away SECONDS --cancel].

A server, a worker and a deployed run as users have them, in a temporary folder. Exits with 1 unless the run completes,
or, if it is cancelled after the outage, unless its process ends within a minute.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cyclopts
import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from flows.command.serve import ENVIRONMENT
from flows.command.server import POOL, prefect
from tests.operations.conftest import ROOT, ended, free_port, processes_with, read, start, until

BEFORE, LONGEST = 40, 900  # seconds that the run has worked when the server is killed, and after which it has failed
A_MINUTE = 60


def main(away: int = 120, cancel: bool = False) -> None:
    """Do so, with the server away for some seconds."""
    with tempfile.TemporaryDirectory(prefix="cleansplit-outage-") as folder:
        port = free_port()
        address = f"http://127.0.0.1:{port}/api"
        places = {"PREFECT_HOME": folder, "PREFECT_API_URL": address, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        environment = os.environ | ENVIRONMENT | places
        serving = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        with temporary_settings({PREFECT_API_URL: address}), ExitStack() as stack:
            with _running(*serving, environment=environment):
                until(lambda: _answers(address), 90)
                install = [sys.executable, "-m", "flows.command.deploy"]
                subprocess.run(install, cwd=ROOT, env=environment, check=True)
                stack.enter_context(_running("worker", "start", "--pool", POOL, environment=environment))
                run = start("cleansplit/on-demand", workspace=f"{folder}/workspace", trainings=25)
                until(lambda: read(run).state_name == "Running", 60)
                began = time.monotonic()
                time.sleep(BEFORE)
            print(f"server killed after {time.monotonic() - began:.0f} s of the run, for {away} s", flush=True)
            time.sleep(away)
            with _running(*serving, environment=environment):
                until(lambda: _answers(address), 90)
                if cancel:
                    with get_client(sync_client=True) as client:
                        client.set_flow_run_state(run, Cancelling(), force=True)
                    until(lambda: not processes_with(f"PREFECT__FLOW_RUN_ID={run}"), A_MINUTE)
                state = ended(run, LONGEST)
            print(f"{state.name} after {time.monotonic() - began:.0f} s: {state.message or 'nothing to say'}")
        sys.exit(not (state.is_cancelled() if cancel else state.is_completed()))


@contextmanager
def _running(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Prefect's commands in the block, and kill it, with all that it started, at the end."""
    log = Path(environment["PREFECT_HOME"]) / f"{arguments[0]}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            prefect(*arguments), cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    cyclopts.run(main)
