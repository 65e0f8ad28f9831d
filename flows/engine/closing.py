"""Close abandoned runs and tasks in Prefect: its server knows only what runs report."""

from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Crashed

from flows.engine.names import TAG

NEWEST = 100  # crashed runs that are looked at; older ones were seen by earlier runs
UNFINISHED = [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED]


def close_unfinished(run: UUID | str, state: State[Any]) -> None:
    """Give a flow run, those below it, and their tasks a last state, where they have none."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(str(run)), state, force=True)
        _close_below([UUID(str(run))], state, client)


def close_what_dead_runs_left() -> None:
    """Give what is below our crashed runs a last state: the automation that finds dead runs can't reach it."""
    crashed = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=[TAG]), state=crashed)
    newest = FlowRunSort.EXPECTED_START_TIME_DESC
    with get_client(sync_client=True) as client:
        dead = [run.id for run in client.read_flow_runs(flow_run_filter=ours, sort=newest, limit=NEWEST)]
        _close_below(dead, Crashed(message="The run that it belongs to crashed."), client)


def _close_below(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Give the tasks of some flow runs, and all flow runs below them with theirs, a last state."""
    while runs:
        close_tasks(runs, state, client)
        below = FlowRunFilter(
            parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=runs),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED)),
        )
        runs = [child.id for child in client.read_flow_runs(flow_run_filter=below)]
        for number in runs:
            client.set_flow_run_state(number, state, force=True)


def close_tasks(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Give the unfinished tasks of some flow runs a last state."""
    of_runs = FlowRunFilter(id=FlowRunFilterId(any_=runs))
    unfinished = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED)))
    for task in client.read_task_runs(flow_run_filter=of_runs, task_run_filter=unfinished):
        client.set_task_run_state(task.id, state, force=True)
