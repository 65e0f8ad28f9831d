"""Stop a run that was cancelled, whatever outage was before.

Prefect watches for cancellations from outside the run and gives up after half a minute without a server. So a run looks
at its own state on the server.
"""

import contextvars
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.runtime import flow_run
from prefect.settings import get_current_settings, temporary_settings
from prefect.states import Cancelled

from flows.engine.closing import close_unfinished
from flows.engine.interrupt import cancelled, end, is_of_a_run
from flows.engine.temporary import stays
from tasks.processes import end_processes

HEARTBEAT = 30  # seconds between two heartbeats, and between two looks


@contextmanager
def stopped_when_cancelled() -> Iterator[None]:
    """Stop the flow of this block when it has a final state on a server that others reach, too.

    The process of a command or of our deployment ends. Elsewhere, in any thread, the flow raises `StoppedError` as soon
    as its running tasks have ended; tasks in worker processes end at once.
    """
    ended, stopped = threading.Event(), threading.Event()
    if stays(get_current_settings().api.url):
        watch = partial(contextvars.copy_context().run, _watch, UUID(str(flow_run.id)), ended, stopped)
        threading.Thread(target=watch, daemon=True).start()
    token = cancelled.set(stopped)
    try:
        yield
    finally:
        cancelled.reset(token)
        ended.set()


def _watch(run: UUID, ended: threading.Event, stopped: threading.Event) -> None:
    found: FlowRun | None = None
    while not (found and found.state and (found.state.is_final() or found.state.is_cancelling())):
        if ended.wait(HEARTBEAT):
            return
        once = temporary_settings({"client.max_retries": 0})
        with suppress(Exception), once, get_client(sync_client=True) as client:  # the server may be away
            found = client.read_flow_run(run)
    if ended.is_set():
        return
    last = found.state if found.state.is_final() else Cancelled(message="The run was cancelled.")
    if is_of_a_run() and found.parent_task_run_id is None:  # a flow of others that called ours goes on
        end("cancelled on Prefect's server", 128 + signal.SIGTERM, partial(close_unfinished, run, last))
    stopped.set()
    end_processes()
