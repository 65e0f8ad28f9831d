"""A Prefect server for this process only, if neither the environment nor a profile names one.

It starts while Prefect and the flows are imported. Prefect's own temporary server would first import the whole server
into the process that uses it, require no password, and outlive a killed process.
"""

import atexit
import contextlib
import functools
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tasks.errors import ServerError

ADDRESS, PASSWORD = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING"
PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
HOST, SECONDS_TO_START = "127.0.0.1", 120  # a busy machine takes a minute
# SQLite allows one writer at a time, and a blocked writer retries after two seconds. So reports of tasks are written in
# batches, once a second.
TOGETHER = {
    f"PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_{name}": value
    for name, value in (("READ_BATCH_SIZE", "100"), ("BATCH_SIZE", "100"), ("FLUSH_INTERVAL", "1"))
}
SERVICES = (  # of a lasting server, unused here: they cost a second
    "CANCELLATION_CLEANUP", "EVENT_LOGGER", "EVENT_PERSISTER", "FOREMAN", "LATE_RUNS", "PAUSE_EXPIRATIONS",
    "REPOSSESSOR", "SCHEDULER", "TRIGGERS",
)  # fmt: skip
ROLE = (
    TOGETHER
    | {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in SERVICES}
    | {
        ADDRESS: "",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "",  # no web page may read its answers
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # takes half a second
        "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    }
)
PROGRAM = Path(__file__).with_name("temporary_server.py")

_addresses: set[str] = set()


def stays(address: str | None) -> bool:
    """Return whether a server outlasts this process."""
    return bool(address) and address not in _addresses


@functools.cache
def start() -> "Temporary | None":
    """Start the server of this process without waiting for it; return None if the environment names a server."""
    if os.environ.get(ADDRESS):
        return None
    server = Temporary()
    atexit.register(server.stop)  # after the last messages of Prefect
    return server


class Temporary:
    """A server on a free port of this machine, with its own password."""

    def __init__(self) -> None:
        password = f"cleansplit:{secrets.token_urlsafe()}"
        role = os.environ | ROLE | {"PREFECT_SERVER_API_AUTH_STRING": password}
        with socket.create_server((HOST, 0)) as listening:
            self._port, number = listening.getsockname()[1], listening.fileno()
            command = [sys.executable, "-P", str(PROGRAM), str(number)]
            self._process = subprocess.Popen(command, env=role, stdin=subprocess.PIPE, pass_fds=[number])
        self.access = {ADDRESS: f"http://{HOST}:{self._port}/api", PASSWORD: password}

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Let Prefect use it in the block, once it answers; or end it if a profile of Prefect names another.

        Raises `ServerError` when it does not answer in time, or has ended.
        """
        from prefect.settings import get_current_settings, temporary_settings

        if stays(get_current_settings().api.url):
            self.stop()
            yield
            return
        if self.access[ADDRESS] not in _addresses:
            print("starting Prefect", file=sys.stderr)
            self._wait()
            _addresses.add(self.access[ADDRESS])
            os.environ |= self.access  # for processes that this one starts
        with temporary_settings({"api.url": self.access[ADDRESS], "api.auth_string": self.access[PASSWORD]}):
            yield

    def _wait(self) -> None:
        """Wait for an answer: its socket accepts requests from the beginning, until the server ends."""
        patience = float(os.environ.get(PATIENCE, SECONDS_TO_START))
        connection = HTTPConnection(HOST, self._port, timeout=max(patience, 0.001))
        try:
            connection.request("GET", "/api/health")
            connection.getresponse()
        except TimeoutError as error:
            raise ServerError(
                f"Prefect's temporary server did not start within {patience:g} seconds; set {PATIENCE} higher, "
                f"or start a server and name it in {ADDRESS}."
            ) from error
        except (OSError, HTTPException) as error:
            raise ServerError(
                f"Prefect's temporary server ended with code {self._process.wait()}; its output is above. "
                f"Or start a server and name it in {ADDRESS}."
            ) from error
        finally:
            connection.close()

    def stop(self) -> None:
        """End it by closing its input, and wait; Prefect has stored all messages."""
        self._process.communicate()
