"""Close abandoned runs in Prefect: its server knows only what runs report."""

from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType

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
