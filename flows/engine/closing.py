"""Close abandoned runs and tasks in Prefect, whose server only knows what runs report."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.engine.progress import say
from tasks.errors import ProcessLostError

TAG = "cleansplit"  # of all our runs; prefect.yaml gives both tags to runs of deployments
OUTERMOST = "cleansplit-run"  # of runs that somebody started, but not of their subflows
NEWEST = 100  # crashed runs to inspect; earlier runs inspected older ones
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED]
LOST = (
    "The Dask cluster lost its scheduler, or a worker with the same task again and again, perhaps for lack of memory; "
    "look at their logs, and run the same command again to continue."
)


def close_unfinished(run: UUID, state: State[Any]) -> None:
    """Move a flow run, its subflows, and their tasks to a final state."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state, force=True)
        _close_below([run], state, client)


def close_what_dead_runs_left() -> None:
    """Move subflows of our crashed runs to a final state, which the automation for dead runs cannot reach."""
    ours = FlowRunFilter.model_validate({"tags": {"all_": [TAG]}, "state": {"type": {"any_": ["CRASHED"]}}})
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    with get_client(sync_client=True) as client:
        dead = [run.id for run in client.read_flow_runs(flow_run_filter=ours, sort=newest, limit=NEWEST)]
        _close_below(dead, Crashed(message="The run that it belongs to crashed."), client)


def close_tasks(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Move the unfinished tasks of some flow runs to a final state."""
    of_runs = FlowRunFilter.model_validate({"id": {"any_": runs}})
    unfinished = TaskRunFilter.model_validate({"state": {"type": {"any_": UNFINISHED}}})
    for task in client.read_task_runs(flow_run_filter=of_runs, task_run_filter=unfinished):
        client.set_task_run_state(task.id, state, force=True)


def _close_below(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Move the tasks of some flow runs, and all their subflows with their tasks, to a final state."""
    while runs:
        close_tasks(runs, state, client)
        below = FlowRunFilter.model_validate(
            {"parent_flow_run_id": {"any_": runs}, "state": {"type": {"any_": UNFINISHED}}}
        )
        runs = [child.id for child in client.read_flow_runs(flow_run_filter=below)]
        for number in runs:
            client.set_flow_run_state(number, state, force=True)


@contextmanager
def lost_cluster() -> Iterator[None]:
    """Turn a lost cluster that ends the block into a `ProcessLostError`."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "distributed":
            raise
        try:
            with get_client(sync_client=True) as client:
                close_tasks([UUID(str(flow_run.id))], Crashed(message=LOST), client)
        except HTTPError as why:  # the server is busy, but the run continues
            say(f"Lost tasks still show as running: {why}")
        raise ProcessLostError(LOST) from error
