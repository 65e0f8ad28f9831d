"""What comes from outside: damaged and hostile files, planted pickles, a Prefect server that goes away."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import requests

from tests.faults import corpora, plain
from tests.faults.limits import outcomes, run_child
from tests.faults.oracle import Golden, Tally, judge
from tests.faults.signals import DEFAULT, Command

KINDS = ("*.parquet", "manifest.json", "report.json", "run.json")


def damaged_archives(count: int = 2000) -> Tally:
    """Damage archives in every way; see `tests.faults.archives`."""
    tally = Tally("damaged archives")
    ended = run_child("tests.faults.archives", "--child", "0", "--count", str(count), seconds=3600)
    if not isinstance(ended.answer, dict):
        tally.count(ended.errors[-300:], Counter(unexplained=1))
        return tally
    for name, counts in ended.answer.items():
        for outcome, cases in counts.items():
            for _ in range(cases):
                tally.count(f"{name}: {outcome}", +Counter(lost=int(outcome.startswith("lost"))))
    return tally


def hostile_files() -> Tally:
    """Load every file of the shared corpora under limits."""
    tally = Tally("hostile files")
    for name, outcome in outcomes("tests.faults.corpora", corpora.names()):
        tally.count(name, +Counter(unexplained=int(outcome.startswith(("CRASH", "HANG")))))
    return tally


class Marker:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def planted_pickles(golden: Golden, scratch: Path) -> Tally:
    """Put a pickle that acts in the place of every kind of stored file: it must never be loaded."""
    tally, mark = Tally("planted pickles"), scratch / "executed"
    for kind in KINDS:
        workspace = plain.fresh(scratch / "w")
        subprocess.run(["cp", "-a", str(golden.workspace), str(workspace)], check=True)
        for path in workspace.rglob(kind):
            path.write_bytes(pickle.dumps(Marker(mark)))
        ended = plain.in_child(partial(golden.run, workspace), scratch)
        problems = Counter(wrong=int(mark.exists())) + judge(golden, workspace, ended, [0], scratch)
        tally.count(kind, +problems)
    return tally


def server_gone(environment: Mapping[str, str], scratch: Path, sources: Mapping[str, str] = DEFAULT) -> Tally:
    """Kill Prefect's server in the middle of a run: it must say so, and the next run must finish."""
    tally = Tally("Prefect's server killed")
    address, server = start_server(scratch)
    alone = {**environment, "PREFECT_API_URL": address, "PREFECT_CLIENT_MAX_RETRIES": "1"}
    command = Command(plain.fresh(scratch / "w"), alone, "threads", sources)
    process = command.start()
    os.killpg(server.pid, signal.SIGKILL)
    said = process.communicate(timeout=300)[1]
    sentence = f"cleansplit: Prefect's server at {address} does not answer; start it, or unset PREFECT_API_URL; run "
    problems = Counter(unexplained=int(process.returncode != 1 or sentence not in said))
    again = Command(command.workspace, environment, "threads", sources)
    problems["unexplained"] += again.finish() != 0
    tally.count("in mid-run", +problems)
    return tally


def start_server(scratch: Path) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start a Prefect server of its own and return its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {"PREFECT_HOME": str(scratch / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)], env={**os.environ, **home},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/api"
    for _ in range(240):
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{address}/health", timeout=1).ok:
                return address, server
        time.sleep(0.25)
    raise RuntimeError("Prefect's server did not start")
