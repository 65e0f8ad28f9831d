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
        below = [UUID(str(run))]
        while below:
            close_tasks(below, state, client)
            for number in below:
                client.set_flow_run_state(number, state, force=True)
            below = [child.id for child in client.read_flow_runs(flow_run_filter=_children(below))]


def close_what_dead_runs_left() -> None:
    """Give what is below our crashed runs a last state: the automation that finds dead runs can't reach it."""
    crashed = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED]))
    state: State[Any] = Crashed(message="The run that it belongs to crashed.")
    with get_client(sync_client=True) as client:
        ours = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[TAG]), state=crashed),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=NEWEST,
        )
        dead = [run.id for run in ours]
        while dead:
            close_tasks(dead, state, client)
            dead = [child.id for child in client.read_flow_runs(flow_run_filter=_children(dead))]
            for number in dead:
                client.set_flow_run_state(number, state, force=True)


def close_tasks(runs: list[UUID], state: State[Any], client: SyncPrefectClient) -> None:
    """Give the unfinished tasks of some flow runs a last state."""
    of_runs = FlowRunFilter(id=FlowRunFilterId(any_=runs))
    unfinished = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=UNFINISHED)))
    for task in client.read_task_runs(flow_run_filter=of_runs, task_run_filter=unfinished):
        client.set_task_run_state(task.id, state, force=True)


def _children(runs: list[UUID]) -> FlowRunFilter:
    return FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=runs),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=UNFINISHED)),
    )
