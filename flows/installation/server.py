"""Talk to the Prefect server that PREFECT_API_URL names, by Prefect's own command where it has one."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.settings import PREFECT_API_URL

from tasks.errors import CleanSplitError, ServerError, UsageError

ROOT = Path(__file__).resolve().parents[2]
POOL = "cleansplit"
ACTIVE = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]  # states of runs that have not ended


def prefect(*arguments: str) -> list[str]:
    """Return Prefect's own command, of this interpreter."""
    return [sys.executable, "-m", "prefect", "--no-prompt", *arguments]


def run(*arguments: str) -> None:
    """Run Prefect's own command in the folder of the project, and keep to ourselves what it prints.

    Raises
    ------
    ServerError
        When it fails; what it said goes to standard error first.
    """
    done = subprocess.run(prefect(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise ServerError(f"prefect {' '.join(arguments)} failed; above is what it said.")


def require_server() -> None:
    """Refuse to work on a temporary server, or on one that does not answer.

    Raises
    ------
    UsageError, ServerError
    """
    address = PREFECT_API_URL.value()
    if not address:
        raise UsageError("name the server in PREFECT_API_URL, for instance http://localhost:4200/api.")
    with get_client(sync_client=True) as client:
        if (reason := client.api_healthcheck()) is not None:
            raise ServerError(f"Prefect's server at {address} does not answer ({reason}); start it, or name another.")


@contextlib.contextmanager
def in_one_sentence() -> Iterator[None]:
    """End the process with the sentence and the code of an expected failure."""
    try:
        yield
    except CleanSplitError as error:
        print(f"cleansplit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
