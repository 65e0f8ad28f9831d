"""Use the Prefect server at PREFECT_API_URL, where possible through Prefect's own command."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cyclopts
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.settings import get_current_settings

from flows.engine.declare import named_if_dead
from tasks.errors import CleanSplitError, ServerError, UsageError

ROOT = Path(__file__).resolve().parents[2]
POOL = "cleansplit"
ACTIVE = FlowRunFilter.model_validate({"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}})  # not ended
SECONDS_TO_START = 90


def prefect(*arguments: str) -> list[str]:
    """Return Prefect's own command in this interpreter."""
    return [sys.executable, "-m", "prefect", "--no-prompt", *arguments]


def run(*arguments: str) -> None:
    """Run Prefect's own command in the project's folder; if it fails, print its output and raise `ServerError`."""
    done = subprocess.run(prefect(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise ServerError(f"prefect {' '.join(arguments)} failed; its output is above.")


def require_server() -> None:
    """Raise `UsageError` for a temporary server, and `ServerError` for one that does not answer us."""
    address = get_current_settings().api.url
    if not address:
        raise UsageError("name the server in PREFECT_API_URL, for instance http://localhost:4200/api.")
    with get_client(sync_client=True) as client:
        if (reason := client.api_healthcheck()) is not None:
            raise ServerError(f"Prefect's server at {address} does not answer ({reason}); start it, or name another.")
        with named_if_dead():
            client.api_version()  # its health needs no password


def wait_for(process: subprocess.Popen[bytes], is_up: Callable[[], bool], problem: str) -> None:
    """Wait until a process answers; raises `ServerError` with the problem if it ends or does not answer in time."""
    limit = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < limit:
        if is_up():
            return
        time.sleep(0.2)
    raise ServerError(problem)


def execute(command: Callable[..., None]) -> None:
    """Run a command; end the process with the sentence and the exit code of an expected failure."""
    try:
        cyclopts.run(command)
    except CleanSplitError as error:
        print(f"cleansplit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
