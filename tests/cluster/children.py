"""Processes that end with the test process, and ports for them."""

import ctypes
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of linux/prctl.h
LOW, HIGH = 15_000, 32_000  # below the ports that Linux gives to outgoing connections, so none is taken meanwhile

_SYSTEM = ctypes.CDLL(None)


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command that is killed when the thread that started it ends; its words go to the end of a file."""
    with log.open("ab") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out, preexec_fn=_die_with_parent)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and see it gone."""
    process.kill()
    process.wait()


def wait_for(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until something holds."""
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise TimeoutError(f"waited {seconds} s")
        time.sleep(0.03)


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens at."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.choice(range(LOW, HIGH))
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _die_with_parent() -> None:
    _SYSTEM.prctl(DIE_WITH_PARENT, signal.SIGKILL)
