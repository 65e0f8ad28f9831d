"""Kill Prefect's server in a run of some minutes, start it again, and print how the run ends.

``python -m tests.operations.outage [--away SECONDS] [--cancel] [--forget]``: a server, a worker and a deployed run as
users have them, in a temporary folder. Exits with 1 unless

- the run completes, if the server was away for up to two minutes;
- the run is Failed with a sentence, or Crashed, and the next one continues it and closes what it left, if the server
  was away for longer, such as 600 seconds: calls are tried for about four minutes, but a run may do without them;
- the process of the run ends within a minute, if the run is cancelled after the outage (`--cancel`);
- the next run continues it after another deployment, if the server has lost its database (`--forget`).
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
from typing import Any

import cyclopts
import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from flows.command.serve import ENVIRONMENT
from flows.command.server import POOL, prefect
from tests.operations.conftest import ROOT, ended, free_port, processes_with, read, start, until
from tests.operations.test_installation import children_of, tasks_of

BEFORE, LONGEST = 40, 900  # seconds of the run before the server is killed, and the most until its end
A_MINUTE, SURVIVED = 60, 120
INSTALL = [sys.executable, "-m", "flows.command.deploy"]


def main(away: int = SURVIVED, cancel: bool = False, forget: bool = False) -> None:
    """Do so, with the server away for some seconds."""
    with tempfile.TemporaryDirectory(prefix="cleansplit-outage-") as folder:
        port = free_port()
        address, given = f"http://127.0.0.1:{port}/api", {"workspace": f"{folder}/workspace", "trainings": 25}
        places = {"PREFECT_HOME": folder, "PREFECT_API_URL": address, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        environment = os.environ | ENVIRONMENT | places
        serving = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        with temporary_settings({PREFECT_API_URL: address}), ExitStack() as stack:
            with running(*serving, environment=environment):
                until(lambda: answers(address), 90)
                subprocess.run(INSTALL, cwd=ROOT, env=environment, check=True)
                stack.enter_context(running("worker", "start", "--pool", POOL, environment=environment))
                run = start("cleansplit/on-demand", **given)
                until(lambda: read(run).state_name == "Running", 60)
                began = time.monotonic()
                time.sleep(BEFORE)
            print(f"server killed after {time.monotonic() - began:.0f} s of the run, for {away} s", flush=True)
            time.sleep(away)
            if forget:
                for file in Path(folder).glob("prefect.db*"):
                    file.unlink()
            with running(*serving, environment=environment):
                until(lambda: answers(address), 90)
                if cancel:
                    with get_client(sync_client=True) as client:
                        client.set_flow_run_state(run, Cancelling(), force=True)
                    until(lambda: not processes_with(f"PREFECT__FLOW_RUN_ID={run}"), A_MINUTE)
                if forget:
                    subprocess.run(INSTALL, cwd=ROOT, env=environment, check=True)
                else:
                    state = ended(run, LONGEST)
                    _print(state, began)
                if forget or away > SURVIVED:
                    said = f"Prefect's server at {address} does not answer;"
                    assert forget or state.is_crashed() or state.message.startswith(said)
                    until(lambda: not processes_with(f"PREFECT__FLOW_RUN_ID={run}"), LONGEST)
                    time.sleep(0 if forget else A_MINUTE + 1)  # before that, a failed run may live
                    again = start("cleansplit/on-demand", **given)
                    state = ended(again, LONGEST)
                    _print(state, began)
                    assert any(task.state_name == "Reused" for task in tasks_of(again))
                    if not forget:
                        until(lambda: all(each.state.is_final() for each in (*children_of(run), *tasks_of(run))), 30)
        sys.exit(not (state.is_cancelled() if cancel else state.is_completed()))


def _print(state: Any, began: float) -> None:
    print(f"{state.name} after {time.monotonic() - began:.0f} s: {state.message or 'nothing to say'}", flush=True)


@contextmanager
def running(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
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


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    cyclopts.run(main)
