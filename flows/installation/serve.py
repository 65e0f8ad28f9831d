"""A complete local installation for trying the deployments: ``make serve`` starts it, Ctrl-C takes it down."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.states import Cancelling

from flows.installation.deploy import POOL, ROOT, deploy, prefect

HOST = "127.0.0.1"
SECONDS_TO_START, SECONDS_TO_CANCEL, SECONDS_TO_END = 90, 30, 15
ACTIVE = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]


def serve(port: int) -> None:
    """Start a server, a work pool, the deployments, the automations and a worker, and keep them until interrupted.

    Their data lie in PREFECT_HOME, by default in the folder `.prefect` of the project.
    """
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            sys.exit(f"cleansplit: port {port} is in use; stop what uses it, or choose another: make serve PORT=4201")
    home = PREFECT_HOME.value()
    home.mkdir(parents=True, exist_ok=True)
    with temporary_settings({PREFECT_API_URL: f"http://{HOST}:{port}/api"}):
        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        with _running("server", "start", "--host", HOST, "--port", str(port), log=home / "server.log") as server:
            _wait_for(server)
            deploy()
            with _running("worker", "start", "--pool", POOL) as worker:
                print(
                    f"\nThe UI is at http://{HOST}:{port}. In another terminal:\n"
                    f"  export PREFECT_API_URL=http://{HOST}:{port}/api\n"
                    "  .venv/bin/prefect deployment run cleansplit/on-demand\n"
                    "Ctrl-C here takes everything down.\n",
                    flush=True,
                )
                try:
                    while server.poll() is None and worker.poll() is None:
                        time.sleep(0.5)
                except KeyboardInterrupt:
                    print("\ntaking everything down", flush=True)
                    _cancel_runs()
                else:
                    sys.exit(f"cleansplit: the server or the worker ended unexpectedly; see {home / 'server.log'}.")


@contextlib.contextmanager
def _running(*arguments: str, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of Prefect's commands beside us, out of reach of the terminal's Ctrl-C, and end it last of all."""
    with contextlib.ExitStack() as opened:
        out = opened.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(prefect(*arguments), cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_for(server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers."""
    for _ in range(2 * SECONDS_TO_START):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{PREFECT_API_URL.value()}/health").is_success:
                return
        if server.poll() is not None:
            break
        time.sleep(0.5)
    sys.exit(f"cleansplit: Prefect's server did not start; {PREFECT_HOME.value() / 'server.log'} says why.")


def _cancel_runs() -> None:
    """Cancel active runs and wait for them: if a worker is stopped first, its runs stay Running forever."""
    with get_client(sync_client=True) as client:
        for run in _active(client):
            client.set_flow_run_state(run, Cancelling(message="The installation is taken down."), force=True)
        for _ in range(2 * SECONDS_TO_CANCEL):
            if not _active(client):
                return
            time.sleep(0.5)


def _active(client: SyncPrefectClient) -> list[UUID]:
    of_state = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ACTIVE)))
    return [run.id for run in client.read_flow_runs(flow_run_filter=of_state) if run.deployment_id]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    serve(int(sys.argv[1]))
