"""Declare flows whose runs are marked on a shared server, and whose failures end in one sentence."""

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date
from pathlib import PurePath
from typing import Any, Concatenate, ParamSpec, TypeVar, cast, get_args

from httpx import HTTPStatusError, TransportError, codes
from prefect import Flow, tags
from prefect.client.orchestration import get_client
from prefect.context import TagsContext
from prefect.runtime import flow_run
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, get_current_settings, temporary_settings

from flows.engine import temporary
from flows.engine.closing import HEARTBEAT, TAG, close_what_dead_runs_left, lost_cluster, stopped_when_cancelled
from flows.engine.interrupt import told_when_stopped
from flows.engine.parameters import Command, with_parameters_of
from flows.engine.runners import AnyRunner
from tasks.errors import CleanSplitError, ServerError, UsageError
from tasks.records.naming import name_of
from tasks.stage_task import in_one_sentence
from tasks.vocabulary import Role

P = ParamSpec("P")
R = TypeVar("R")

UNTAGGED: set[str] = set()  # Prefect asks the server for limits on each tag of a task
OPTIONS: dict[str, Any] = {
    "validate_parameters": False,  # the specification validates them, with the sentence of the command
    "persist_result": False,
    "result_storage": PREFECT_LOCAL_STORAGE_PATH.value(),  # otherwise Prefect asks the server for it
}
RETRIES = 7  # of a call to the server: with growing delays they survive two minutes without a server
OF_CALLS = {"return_state", "wait_for"}  # parameters that each flow has


class OurFlow(Flow[P, R]):
    """A flow that the command, Python, or another flow may call."""

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters for the server; text that is not UTF-8 passes, since our own check refuses it."""
        kept = json.dumps(super().serialize_parameters(parameters), ensure_ascii=False)
        return dict(json.loads(kept.encode("utf-8", "replace")))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the flow, on the temporary server of this process unless Prefect has another one.

        Raises `TypeError` for a wrong parameter, before a server starts, and `ServerError` when the server does not
        answer. If the server outlasts this process, the run has a heartbeat.
        """
        given = {name: value for name, value in kwargs.items() if name not in OF_CALLS}
        inspect.signature(self).bind(*args, **given)  # Prefect's own error would repeat the descriptions of all
        now = get_current_settings()
        address = now.api.url or flow_run.id
        server = None if address else temporary.start()
        changed: dict[Any, Any] = {"flows.heartbeat_frequency": HEARTBEAT if temporary.is_persistent(address) else None}
        if "max_retries" not in now.client.model_fields_set:  # unless the user has set it
            changed["client.max_retries"] = RETRIES
        with server.serving() if server else nullcontext(), named_if_dead(), tags(TAG), temporary_settings(changed):
            return super().__call__(*args, **kwargs)


@contextmanager
def named_if_dead() -> Iterator[None]:
    """Raise `ServerError` when the block fails because the server does not answer, or asks for a password."""
    try:
        yield
    except CleanSplitError:
        raise
    except Exception as error:
        if isinstance(error, HTTPStatusError) and error.response.status_code == codes.UNAUTHORIZED:
            raise ServerError(f"the server asks for a password; set {temporary.PASSWORD}=name:password.") from error
        if not isinstance(error, TransportError) and answers():
            raise
        address = get_current_settings().api.url
        where, what = "", "run the command again"
        if temporary.is_persistent(address):
            where, what = f"at {address} ", f"start it, or unset {temporary.ADDRESS}"
        api = " Its address usually ends in /api." if where and "/api/" not in f"{address}/" else ""
        raise ServerError(f"Prefect's server {where}does not answer; {what}.{api}") from error


def answers() -> bool:
    """Return whether Prefect's server answers now."""
    with temporary_settings({"client.max_retries": 0}), get_client(sync_client=True) as client:
        return client.api_healthcheck() is None


def our_flow(command: Command[P]) -> Callable[[Callable[[Any], R]], OurFlow[P, R]]:
    """Declare the flow of a command, by a function of its specification."""

    def declare(function: Callable[[Any], R]) -> OurFlow[P, R]:
        @functools.wraps(function)
        def inside(spec: Any) -> R:
            untagged = TagsContext(current_tags=UNTAGGED)
            with told_when_stopped(), stopped_when_cancelled(), named_if_dead(), lost_cluster(), untagged:
                close_what_dead_runs_left([command.flow_name])
                return function(spec)

        body = in_one_sentence(with_parameters_of(command)(inside))
        name = functools.partial(_run_name, command)
        return cast(OurFlow[P, R], OurFlow(body, name=command.flow_name, flow_run_name=name, **OPTIONS))

    return declare


def subflow(name: str) -> Callable[[Callable[P, R]], Callable[Concatenate[AnyRunner, P], R]]:
    """Declare a part of a flow as a subflow; its first argument is the runner of its tasks.

    Prefect receives no arguments and no result: it would search them for futures, and refuse parameters of more than
    524,288 bytes, which the records of a few hundred classes have.
    """

    def declare(function: Callable[P, R]) -> Callable[Concatenate[AnyRunner, P], R]:
        @functools.wraps(function)
        def call(runner: AnyRunner, /, *args: P.args, **kwargs: P.kwargs) -> R:
            results: list[R] = []

            @in_one_sentence
            def inside() -> None:
                with named_if_dead(), lost_cluster(), TagsContext(current_tags=UNTAGGED):
                    results.append(function(*args, **kwargs))

            # A heartbeat costs half a second at the end, and subflows end with their parent.
            with tags(TAG), temporary_settings({"flows.heartbeat_frequency": None}):
                Flow(inside, name=name, flow_run_name=name, task_runner=runner, **OPTIONS)()
            return results[0]

        return call

    return declare


def _run_name(command: Command[Any]) -> str:
    """Name the current run of a command after its sources, its data set, or its earlier run."""
    doing, given = "" if command.name == "run" else f"{command.name} ", flow_run.parameters
    sources = [given[role] for role in get_args(Role) if isinstance(given.get(role), str)]  # not numbers of rows
    try:
        what = name_of(sources) if sources else PurePath(str(given.get("dataset") or given.get("run") or "")).name
    except UsageError:  # the run itself reports it
        what = "run"
    return f"{doing}{what}".strip() + f" {date.today()}"
