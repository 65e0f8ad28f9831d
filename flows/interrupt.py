"""Stop at once on Ctrl-C: what is published stays, what is half built goes, and the next run continues from there.

Prefect's own way is to wait for every task that was submitted, which can take minutes.
"""

import contextlib
import contextvars
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelled

from tasks import store

SECONDS_TO_TELL_PREFECT = 3


def stop_at_once() -> None:
    """From now on let Ctrl-C end this process and its children within seconds."""
    signal.signal(signal.SIGINT, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    try:
        print("\ncleansplit: interrupted; the same command continues where it stopped.", file=sys.stderr, flush=True)
        teller = threading.Thread(target=contextvars.copy_context().run, args=(_tell_prefect,), daemon=True)
        teller.start()
        teller.join(SECONDS_TO_TELL_PREFECT)
        _end_children()
        store.drop_unfinished()
    finally:
        os._exit(128 + number)


def _tell_prefect() -> None:
    """Let the runs that were going on show as cancelled."""
    with contextlib.suppress(Exception), get_client(sync_client=True) as client:  # the server may be gone already
        for run in (flow_run.id, flow_run.root_flow_run_id):
            client.set_flow_run_state(run, Cancelled(message="Interrupted."), force=True)


def _end_children() -> None:
    """Kill pool processes and Prefect's temporary server; they would wait for work or live on."""
    children = {child.pid for child in multiprocessing.active_children() if child.pid}
    for path in Path("/proc/self/task").glob("*/children"):  # Linux; elsewhere the pool's processes are all we know
        children |= {int(pid) for pid in path.read_text().split()}
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
