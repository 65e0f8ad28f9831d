"""Prefect's temporary server, started before Prefect itself and the flows are imported, which takes nearly as long.

Prefect's own way to start it first imports all of the server into the process that only wants to use it.
"""

import atexit
import functools
import os
import socket
import subprocess
import sys
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tasks.errors import ServerError

ADDRESS = "PREFECT_API_URL"
PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
SECONDS_BETWEEN_LOOKS, SECONDS_TO_STOP = 0.02, 5
HOST, STARTS = "127.0.0.1", 3  # another process may take the port before the server does
ROLE = {
    ADDRESS: "",  # it is a server
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "",  # no page in a browser may read its answers
    "PY_KEY_VALUE_DISABLE_BEARTYPE": "true",  # a library whose checks of its own types take long to import
}
ALONE = {  # of its only client
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",  # it is of this installation
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # no browser speaks with it
}
PROGRAM = Path(__file__).with_name("temporary_server.py")

_addresses: set[str] = set()


def stays(address: str | None) -> bool:
    """Return whether a server will be there when this process has ended."""
    return bool(address) and address not in _addresses


@functools.cache
def start() -> "Temporary | None":
    """Start the server of this process, without waiting for it; or return None where the environment names one."""
    if os.environ.get(ADDRESS):
        return None
    server = Temporary()
    atexit.register(server.stop)  # after what Prefect still has to tell it
    return server


class Temporary:
    """A server for this process alone, on a free port of this machine."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._launch()

    def serve(self) -> None:
        """Wait until it answers, and let Prefect use it from now on; or end it where Prefect's settings name another.

        Raises
        ------
        ServerError
            When it does not answer in time.
        """
        from prefect.settings import PREFECT_API_URL

        if named := PREFECT_API_URL.value():
            if named not in _addresses:  # as it is at a second command of one process
                self.stop()
            return
        print("starting Prefect", file=sys.stderr)
        os.environ |= ALONE
        patience = float(os.environ[PATIENCE])
        self._name()
        limit, starts = self._begun + patience, 1
        while not self._answers(limit):
            if time.monotonic() > limit:
                raise ServerError(
                    f"Prefect's temporary server did not start within {patience:g} seconds; set {PATIENCE} higher, "
                    f"or start a server and name it in {ADDRESS}."
                )
            if (code := self._process.poll()) is not None:
                if starts == STARTS:
                    raise ServerError(
                        f"Prefect's temporary server ended with code {code}; above is what it said. "
                        f"Or start a server and name it in {ADDRESS}."
                    )
                starts += 1
                self._launch()
                self._name()
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _name(self) -> None:
        """Let Prefect's settings name it; they are made anew, which takes as long as a few looks."""
        from prefect.context import refresh_global_settings_context

        os.environ[ADDRESS] = f"http://{HOST}:{self._port}/api"
        refresh_global_settings_context()
        _addresses.add(os.environ[ADDRESS])

    def _launch(self) -> None:
        with socket.create_server((HOST, 0)) as free:
            self._port = free.getsockname()[1]
        command = [sys.executable, "-P", str(PROGRAM), HOST, str(self._port), str(os.getpid())]
        self._process = subprocess.Popen(command, env=os.environ | ROLE)

    def _answers(self, limit: float) -> bool:
        connection = HTTPConnection(HOST, self._port, timeout=max(limit - time.monotonic(), SECONDS_BETWEEN_LOOKS))
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End it; Prefect has stored what it was told."""
        self._process.terminate()
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
