"""Declare flows whose runs can be told from those of others on the same server."""

import copy
import functools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, tags
from prefect.context import FlowRunContext, TagsContext
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOCAL_STORAGE_PATH,
    get_current_settings,
    temporary_settings,
)

from flows.engine.closing import close_what_dead_runs_left
from flows.engine.failure import in_one_sentence
from flows.engine.lost import lost_cluster
from flows.engine.names import OUTERMOST, TAG
from flows.engine.parameters import Unstored
from flows.engine.runners import AnyRunner
from flows.engine.temporary import stays
from tasks.stage_task import take_credentials

P = ParamSpec("P")
R = TypeVar("R")

HEARTBEAT = 30  # seconds; automations.yaml waits three minutes for the next one
RETRIES = 7  # of a call to the server: with growing delays they outlast one that is away for two minutes


class OurFlow(Flow[P, R]):
    """A flow whose runs are ours whoever calls it: the command, Python, or another flow.

    Only the outermost run on a server that stays has a heartbeat: each costs half a second in the end, and those below
    end with it; `flows.engine.closing` sees to that.
    """

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return what the server keeps of parameters; text that is not UTF-8 is for our own check to refuse."""
        kept = json.dumps(super().serialize_parameters(parameters), ensure_ascii=False)
        return dict(json.loads(kept.encode("utf-8", "replace")))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, marked as ours."""
        outermost = FlowRunContext.get() is None
        with tags(TAG, *[OUTERMOST] * outermost), _settings(outermost):
            result: Any = super().__call__(*args, **kwargs)
        return result.value if isinstance(result, Unstored) else result

    def on(self, runner: AnyRunner) -> "OurFlow[P, R]":
        """Return this flow with another runner for its tasks; Prefect's own way makes a plain flow of it."""
        changed = copy.copy(self)
        changed.task_runner = runner
        return changed


def _settings(outermost: bool) -> AbstractContextManager[Any]:
    """Set how runs speak with the server; where nothing differs nothing is set, since that costs 50 ms a flow."""
    now, changed = get_current_settings(), dict[Any, Any]()
    beats = HEARTBEAT if outermost and stays(PREFECT_API_URL.value()) else None
    if now.flows.heartbeat_frequency != beats:
        changed[PREFECT_FLOWS_HEARTBEAT_FREQUENCY] = beats
    if "max_retries" not in now.client.model_fields_set:  # which the user may have said
        changed[PREFECT_CLIENT_MAX_RETRIES] = RETRIES
    return temporary_settings(changed) if changed else nullcontext()


def our_flow(name: str, flow_run_name: Callable[[], str] | None = None) -> Callable[[Callable[P, R]], OurFlow[P, R]]:
    """Declare a flow; it ends in one sentence when it can't do what is asked.

    Parameters
    ----------
    name : str
    flow_run_name : callable, optional
        See `flows.engine.names`; by default runs have the name of the flow.
    """

    def declare(function: Callable[P, R]) -> OurFlow[P, R]:
        @in_one_sentence
        @functools.wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R | Unstored[R]:
            own = cast(FlowRunContext, FlowRunContext.get()).flow_run
            outermost = own is None or own.parent_task_run_id is None  # of its parent Prefect would ask the server
            take_credentials()
            if outermost:
                close_what_dead_runs_left()
            # Of a task with tags, Prefect asks the server for limits on each.
            with lost_cluster(), TagsContext(current_tags=set()):
                result = function(*args, **kwargs)
            return result if outermost else Unstored(result)  # else Prefect looks for futures in all that it holds

        # What is wrong with a parameter is said by its spec, in the sentence that the command prints.
        # Nor is a result kept; where to keep it Prefect would ask the server, unless that is said.
        declared = OurFlow(
            inside,
            name=name,
            flow_run_name=flow_run_name or name,
            validate_parameters=False,
            persist_result=False,
            result_storage=PREFECT_LOCAL_STORAGE_PATH.value(),
        )
        return cast(OurFlow[P, R], declared)

    return declare
