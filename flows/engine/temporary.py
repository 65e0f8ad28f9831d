"""A temporary Prefect server for this process, unless the environment or a profile names a server.

It starts while Prefect and the flows are imported. Prefect's own temporary server would import the whole server into
this process, ask for no password, and outlive a killed process.
"""

import atexit
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from flows.engine.interrupt import end, is_of_a_run, stopping
from tasks.errors import ServerError, number_set

ADDRESS, PASSWORD = "PREFECT_API_URL", "PREFECT_API_AUTH_STRING"
PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
HOST, SECONDS_TO_START = "127.0.0.1", 120  # a busy machine takes a minute
# SQLite takes one writer at a time, and a writer that finds it locked waits for two seconds; so the reports of tasks
# are written together, once a second.
TOGETHER = {
    f"PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_{name}": value
    for name, value in (("READ_BATCH_SIZE", "100"), ("BATCH_SIZE", "100"), ("FLUSH_INTERVAL", "1"))
}
ROLE = {
    **TOGETHER,
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",  # nobody looks at events here, which cost a second
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    ADDRESS: "",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "",  # no page in a browser may read its answers
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",  # registering takes half a second
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
PROGRAM = Path(__file__).with_name("temporary_server.py")

_addresses: set[str] = set()
_servers: list["Temporary"] = []  # the last may still run
_one_at_a_time = threading.Lock()


def is_persistent(address: str | None) -> bool:
    """Return whether a server outlives this process."""
    return bool(address) and address not in _addresses


def start() -> "Temporary | None":
    """Return the server of this process, started without waiting for it; return None if the environment names one."""
    with _one_at_a_time:
        if is_persistent(os.environ.get(ADDRESS)):
            return None
        if not _servers or _servers[-1].process.poll() is not None:  # it was stopped or died
            _servers.append(Temporary())
            atexit.register(_servers[-1].stop)  # after Prefect's last reports
        return _servers[-1]


class Temporary:
    """A server on a free port of this machine with a random password."""

    def __init__(self) -> None:
        password = f"cleansplit:{secrets.token_urlsafe()}"
        who = {"Authorization": f"Basic {b64encode(password.encode()).decode()}"}
        role = os.environ | ROLE | {"PREFECT_SERVER_API_AUTH_STRING": password}
        self._patience = number_set(PATIENCE, SECONDS_TO_START)
        self._log, self._stopped = tempfile.TemporaryFile(), False  # noqa: SIM115  # it lasts as long as the server
        with socket.create_server((HOST, 0)) as listening:
            self._port, number = listening.getsockname()[1], listening.fileno()
            command = [sys.executable, "-P", str(PROGRAM), str(number)]
            own: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": self._log, "pass_fds": [number]}
            # A new session shields it from the terminal's Ctrl-C.
            self.process = subprocess.Popen(command, env=role, start_new_session=True, **own)
            self._first = HTTPConnection(HOST, self._port, timeout=max(self._patience, 0.001))
            # Asked for early: the server makes its routes before the first answer, and /api/health is not one of them.
            self._first.request("GET", "/api/admin/version", headers=who)
        self.access = {ADDRESS: f"http://{HOST}:{self._port}/api", PASSWORD: password}

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Let Prefect use the server inside the block; stop it if a profile of Prefect names another one.

        Raises `ServerError` when it does not answer in time, or has ended.
        """
        from prefect.settings import get_current_settings, temporary_settings

        if is_persistent(get_current_settings().api.url):
            self.stop()
            yield
            return
        with _one_at_a_time:
            if self.access[ADDRESS] not in _addresses:
                print("starting Prefect", file=sys.stderr)
                self._wait()
                threading.Thread(target=self._end_with_server, daemon=True).start()
                _addresses.add(self.access[ADDRESS])
                os.environ |= self.access  # for child processes
        own = {"api.url": self.access[ADDRESS], "api.auth_string": self.access[PASSWORD]}
        with temporary_settings(own | {"client.csrf_support_enabled": False}):  # its server has no tokens to ask for
            yield

    def _wait(self) -> None:
        """Wait for the first answer; the socket accepts requests from the beginning."""
        try:
            with contextlib.closing(self._first):
                self._first.getresponse()
        except TimeoutError as error:
            raise ServerError(
                f"Prefect's temporary server did not start within {self._patience:g} seconds; set {PATIENCE} higher, "
                f"or start a server and name it in {ADDRESS}."
            ) from error
        except (OSError, HTTPException) as error:
            code = self.process.wait()
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").split("\n")
            words = next((line for line in reversed(lines) if "Error: " in line), "it wrote no message").strip(".")
            raise ServerError(
                f"Prefect's temporary server ended with code {code}: {words}. "
                f"Make room in PREFECT_HOME, set it to a writable folder, or start a server and name it in {ADDRESS}."
            ) from error

    def _end_with_server(self) -> None:
        """End the process of a command when the server has died: Prefect would try to reach it for minutes."""
        self.process.wait()
        if not self._stopped and not stopping.is_set() and is_of_a_run():
            end("Prefect's temporary server ended unexpectedly", ServerError.exit_code)

    def stop(self) -> None:
        """End the server by closing its input, and wait until it has stored everything."""
        self._stopped = True
        self.process.communicate()
