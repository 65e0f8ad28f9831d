"""Declare flows whose runs can be told from those of others on the same server."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import Flow, tags
from prefect.context import FlowRunContext, TagsContext
from prefect.runtime import flow_run
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)

from flows.engine.closing import close_what_dead_runs_left
from flows.engine.failure import in_one_sentence
from flows.engine.names import OUTERMOST, TAG

P = ParamSpec("P")
R = TypeVar("R")

HEARTBEAT = 30  # seconds; automations.yaml waits three minutes for the next one
RETRIES = 7  # of a call to the server: with growing delays they outlast one that is away for two minutes


class _Marked(Flow[P, R]):
    """A flow whose runs are ours whoever calls it: the command, Python, or another flow.

    Only the outermost run on a server that stays has a heartbeat: each costs half a second in the end, and those below
    end with it; `flows.engine.closing` sees to that.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outermost = FlowRunContext.get() is None
        beats = HEARTBEAT if PREFECT_API_URL.value() and outermost else None
        settings: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: beats}
        if "max_retries" not in get_current_settings().client.model_fields_set:  # which the user may have said
            settings[PREFECT_CLIENT_MAX_RETRIES] = RETRIES
        with tags(TAG, *[OUTERMOST] * outermost), temporary_settings(settings):
            return super().__call__(*args, **kwargs)

    def with_options(self, **options: Any) -> Flow[P, R]:
        changed = super().with_options(**options)
        changed.__class__ = type(self)  # Prefect returns a plain flow
        return changed


def our_flow(name: str, flow_run_name: Callable[[], str] | None = None) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Declare a flow; it ends in one sentence when it can't do what is asked.

    Parameters
    ----------
    name : str
    flow_run_name : callable, optional
        See `flows.engine.names`; by default runs have the name of the flow.
    """

    def declare(function: Callable[P, R]) -> Flow[P, R]:
        @in_one_sentence
        @functools.wraps(function)
        def inside(*args: P.args, **kwargs: P.kwargs) -> R:
            if flow_run.parent_flow_run_id is None:
                close_what_dead_runs_left()
            with TagsContext(current_tags=set()):  # of a task with tags, Prefect asks the server for limits on each
                return function(*args, **kwargs)

        # What is wrong with a parameter is said by its spec, in the sentence that the command prints.
        declared = _Marked(inside, name=name, flow_run_name=flow_run_name or name, validate_parameters=False)
        return cast(Flow[P, R], declared)

    return declare
