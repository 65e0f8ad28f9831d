"""A complete local installation for trying the deployments: ``make serve`` starts it, Ctrl-C stops it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_HOME, temporary_settings
from prefect.states import Cancelling

from flows.command.deploy import deploy
from flows.command.server import ACTIVE, POOL, ROOT, execute, prefect, wait_for
from flows.engine.closing import of_flows
from flows.engine.declare import answers
from flows.engine.temporary import ADDRESS, HOST, TOGETHER
from flows.table import FLOW_NAMES
from tasks.errors import ServerError, UsageError
from tasks.storage import Place, building

SECONDS_BETWEEN_WORKERS, SECONDS_OF_A_DAY = 1, 86_400
SECONDS_TO_CANCEL, SECONDS_TO_END = 30, 15
# An unchanged night is five sixths events of tasks, whose runs and states Prefect keeps anyway.
BRIEF = ("flow-run.heartbeat", *(f"task-run.{name}" for name in ("Pending", "Running", "Completed", "Reused")))
ENVIRONMENT = {  # of the server; leases in files survive its restart, so that it ends no run
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(
        {f"prefect.{name}": SECONDS_OF_A_DAY for name in BRIEF}
    ),
    **TOGETHER,
}
WORKING = ("worker", "start", "--pool", POOL, "--no-create-pool-if-not-found")  # a removed pool must stay removed


def serve(port: int = 4200) -> None:
    """Start a server, the deployments, the automations and a worker, and keep them running until interrupted.

    A worker that dies is restarted. Data and logs are in PREFECT_HOME, by default the project's folder `.prefect`.
    """
    if not 0 < port < 1 << 16:
        raise UsageError(f"port {port} does not exist; choose another: make serve PORT=4201")
    home, address = PREFECT_HOME.value(), f"http://{HOST}:{port}/api"
    home.mkdir(parents=True, exist_ok=True)
    os.environ |= ENVIRONMENT | {ADDRESS: address}
    start = prefect("server", "start", "--host", HOST, "--port", str(port))
    with building.held(Place.of(home) / ".serving") as (alone, _), temporary_settings({"api.url": address}):
        if not alone or listens(port):
            used = f"process uses port {port}" if alone else f"`make serve` uses {home}"
            raise UsageError(f"another {used}; stop it, or serve apart: PREFECT_HOME=~/second make serve PORT=4201")
        with running(start, home / "server.log") as server:
            wait_for(server, answers, f"Prefect's server did not start; see {home / 'server.log'}.")
            deploy()
            print(
                f"\nThe UI is at http://{HOST}:{port}. In another terminal:\n"
                f"  export PREFECT_API_URL={address}\n"
                "  .venv/bin/prefect deployment run cleansplit/on-demand\n"
                f"The log of the worker is {home / 'worker.log'}. Ctrl-C here stops everything.\n",
                flush=True,
            )
            try:
                _work(server, home / "worker.log")
            except KeyboardInterrupt:
                print("\ntaking everything down", flush=True)


def listens(port: int) -> bool:
    """Return whether a process listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def execute_until_stopped(command: Callable[..., None]) -> None:
    """Run a command that Ctrl-C and SIGTERM end, even if the shell that started it ignores Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    execute(command)


@contextlib.contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in parallel, shielded from the terminal's Ctrl-C, and end it last."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _work(server: subprocess.Popen[bytes], log: Path) -> None:
    """Keep a worker running while the server runs; finally cancel its runs before it ends."""
    with contextlib.ExitStack() as lost:
        while True:
            with running(prefect(*WORKING), log) as worker:
                try:
                    _wait(worker, server, log)
                except KeyboardInterrupt:
                    _cancel_runs()
                    raise
            lost.callback(_end_group, worker.pid)  # its runs continue without supervision
            print(f"the worker ended by itself (see {log}); starting another", flush=True)
            time.sleep(SECONDS_BETWEEN_WORKERS)


def _wait(worker: subprocess.Popen[bytes], server: subprocess.Popen[bytes], log: Path) -> None:
    while worker.poll() is None:
        if server.poll() is not None:
            raise ServerError(f"the server ended by itself; see {log.with_name('server.log')}.")
        time.sleep(0.5)


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _cancel_runs() -> None:
    """Cancel our active runs and wait for them: if a worker is stopped first, its runs stay Running forever."""
    with get_client(sync_client=True) as client:
        for run in _active(client):
            client.set_flow_run_state(run, Cancelling(message="The installation is being stopped."), force=True)
        for _ in range(2 * SECONDS_TO_CANCEL):
            if not _active(client):
                return
            time.sleep(0.5)


def _active(client: SyncPrefectClient) -> list[UUID]:
    runs = client.read_flow_runs(flow_filter=of_flows(FLOW_NAMES.values()), flow_run_filter=ACTIVE)
    return [run.id for run in runs if run.deployment_id]


if __name__ == "__main__":
    execute_until_stopped(serve)
