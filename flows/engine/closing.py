"""Close and remove runs and tasks in Prefect, whose server only knows what runs report, and stop cancelled runs.

Prefect watches for cancellations from outside the run and gives up after half a minute without a server. So a run looks
at its own state on the server.
"""

import contextvars
import signal
import threading
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runtime import flow_run
from prefect.settings import get_current_settings, temporary_settings
from prefect.states import Cancelled, Crashed

from flows.engine.interrupt import cancelled, commanding, end, is_of_a_run
from flows.engine.temporary import is_persistent
from tasks.errors import ProcessLostError, ServerError
from tasks.processes import end_processes

HEARTBEAT = 30  # seconds between two heartbeats, and between two looks at a run's state
NEWEST = 100  # dead runs to inspect; earlier runs inspected older ones
AT_ONCE = 8  # runs to delete, or tasks to close, in parallel
TAG = "cleansplit"  # of our runs, for people who filter; anybody may use it, so nothing is decided by it
LOSSES = {"KilledWorker", "NoWorkerError", "CommClosedError", "FutureCancelledError", "FuturesCancelledError"}
UNFINISHED = {"type": {"any_": [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED]}}
LOST = (
    "The Dask cluster lost its scheduler, or a worker with the same task again and again, perhaps for lack of memory; "
    "look at their logs, and run the same command again to continue."
)


def of_flows(names: Collection[str]) -> FlowFilter:
    """Return a filter for flows with these names, and for the runs and deployments of these flows."""
    return FlowFilter.model_validate({"name": {"any_": list(names)}})


def close_unfinished(run: UUID, state: State[Any]) -> None:
    """Move a flow run, its subflows, and their tasks to a final state."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state, force=True)
        _close_below([run], state, client)


def close_what_dead_runs_left(names: Collection[str]) -> None:
    """Move what ended runs of some flows left below them, killed or without a server, to a final state."""
    how: dict[str, Any] = {"sort": FlowRunSort.EXPECTED_START_TIME_DESC, "limit": NEWEST}
    states = FlowRunFilter.model_validate({"state": {"type": {"any_": ["CRASHED", "FAILED", "CANCELLED"]}}})
    quiet = datetime.now(UTC) - timedelta(seconds=2 * HEARTBEAT)  # a process looks once more; reports arrive late
    with get_client(sync_client=True) as client:
        ended = client.read_flow_runs(flow_filter=of_flows(names), flow_run_filter=states, **how)
        late = {run.id for run in ended if run.end_time and run.end_time < quiet}
        dead = [run for run in ended if run.state_type == StateType.CRASHED or run.id in late]
        # A program whose run was cancelled lives as long as its tasks.
        sure = [run.id for run in dead if run.state_type != StateType.CANCELLED or run.deployment_id]
        _close_below(sure, Crashed(message="The run that it belongs to has ended."), client)


def close_tasks(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Move the unfinished tasks of some flow runs to a final state."""
    of_runs = FlowRunFilter.model_validate({"id": {"any_": runs}})
    unfinished = TaskRunFilter.model_validate({"state": UNFINISHED})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while tasks := client.read_task_runs(flow_run_filter=of_runs, task_run_filter=unfinished):  # 200 at a time
            list(pool.map(lambda task: client.set_task_run_state(task.id, state, force=True), tasks))


def _close_below(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Move the subflows of some flow runs, and then all their tasks, to a final state; a process may end meanwhile."""
    every, below = [*runs], runs
    while below := [child.id for child in _subflows(below, client, state=UNFINISHED)]:
        every += below
        for number in below:
            client.set_flow_run_state(number, state, force=True)
    close_tasks(every, state, client)


def remove_runs(names: Collection[str], client: SyncPrefectClient, **those: Any) -> list[FlowRun]:
    """Remove the runs of some flows, all or `those`, and all below them; return what was removed."""
    removed, wanted = list[FlowRun](), FlowRunFilter.model_validate(those)
    while runs := client.read_flow_runs(flow_filter=of_flows(names), flow_run_filter=wanted):
        while runs:
            removed += runs
            below = _subflows([run.id for run in runs], client)
            _remove([run.id for run in runs], client)
            runs = below
    remove_unused({run.flow_id for run in removed}, client)
    return removed


def remove_unused(flows: Iterable[UUID], client: SyncPrefectClient) -> None:
    """Remove flows without runs and deployments; others may have some below the same names."""
    for flow in flows:
        of_flow = FlowFilter.model_validate({"id": {"any_": [flow]}})
        if not client.read_flow_runs(flow_filter=of_flow) and not client.read_deployments(flow_filter=of_flow):
            client.delete_flow(flow)


def _remove(runs: list[UUID], client: SyncPrefectClient) -> None:
    of_runs = FlowRunFilter.model_validate({"id": {"any_": runs}})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while artifacts := client.read_artifacts(flow_run_filter=of_runs):
            list(pool.map(client.delete_artifact, [artifact.id for artifact in artifacts]))
        list(pool.map(client.delete_flow_run, runs))


def _subflows(runs: list[UUID], client: SyncPrefectClient, **also: Any) -> list[FlowRun]:
    """Return the subflow runs directly below some flow runs."""
    below = FlowRunFilter.model_validate({"parent_flow_run_id": {"any_": runs}, **also})
    found: list[FlowRun] = []
    while page := client.read_flow_runs(flow_run_filter=below, offset=len(found)):
        found += page
    return found


@contextmanager
def lost_cluster() -> Iterator[None]:
    """Turn the loss of a cluster's scheduler or workers, which ends the block, into a `ProcessLostError`."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "distributed" or type(error).__name__ not in LOSSES:
            raise
        with suppress(HTTPError), get_client(sync_client=True) as client:  # a busy server shows them as running
            close_tasks([UUID(str(flow_run.id))], Crashed(message=LOST), client)
        raise ProcessLostError(LOST) from error


@contextmanager
def stopped_when_cancelled() -> Iterator[None]:
    """Stop the flow of this block when it has a final state on a server that others reach, too.

    The process of a command or of our deployment ends. Elsewhere, in any thread, the flow raises `StoppedError` as soon
    as its running tasks have ended; tasks in worker processes end at once. A flow that the server left closes the rest,
    or ends the process of a command: Prefect would try for minutes to report the failure, and then its log.
    """
    ended, stopped = threading.Event(), threading.Event()
    if is_persistent(get_current_settings().api.url):
        watch = partial(contextvars.copy_context().run, _watch, UUID(str(flow_run.id)), ended, stopped)
        threading.Thread(target=watch, daemon=True).start()
    token = cancelled.set(stopped)
    try:
        yield
    except ServerError as error:
        once = temporary_settings({"client.max_retries": 0})  # it may have returned; otherwise nobody waits again
        with suppress(HTTPError), once, get_client(sync_client=True) as client:
            _close_below([UUID(str(flow_run.id))], Crashed(message=str(error)), client)
            raise
        if commanding.is_set():
            end(str(error).removesuffix("."), error.exit_code)
        raise
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
