"""The flows without Prefect: their own functions, whose tasks are called at once, in this thread.

They cost half as much, so tests use them where the subject is not the flow; see `tests.flows.test_plain`.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger
from prefect.states import Completed

from flows import pipeline, publish
from flows.engine import declare, progress
from flows.engine.parameters import Command, with_parameters_of
from flows.prepare import load_sources
from flows.table import AUDIT, DEDUPE, RUN, SPLIT
from tasks.records import LoadedSources, Report


def record_of(state: Any) -> Any:
    """Return the record that a task ended with; raise its error."""
    if isinstance(state.data, Exception):
        raise state.data
    return state.data


@dataclass(frozen=True)
class Done:
    """What a flow sees of a task that has ended."""

    state: State[Any]
    task_run_id: int

    def wait(self) -> None:
        """Do nothing: it has ended."""

    def result(self) -> Any:
        return record_of(self.state)


def _called(task: Task[..., Any], *arguments: Any, **named: Any) -> Done:
    ended: Any = task.fn(*arguments, **named)
    return Done(ended if isinstance(ended, State) else Completed(data=ended), id(ended))


def _inside(function: Callable[[], Any], **_options: Any) -> Callable[[], object]:
    """Return a subflow as a plain function; an expected failure of its function is a state."""
    return lambda: (ended := function()) and record_of(ended)


@contextmanager
def without_prefect() -> Iterator[None]:
    """Let the functions of flows do without a run, a server and threads."""
    with ExitStack() as patched:
        patched.enter_context(disable_run_logger())
        patched.enter_context(patch.object(Task, "submit", _called))
        patched.enter_context(patch.object(declare, "Flow", _inside))
        patched.enter_context(patch.object(progress, "as_completed", iter))
        patched.enter_context(patch.object(publish, "tell"))  # it needs Prefect's server
        yield


def _plain(command: Command[Any], flow: Any) -> Callable[..., Report]:
    body = inspect.unwrap(flow.fn)

    def call(spec: Any) -> Report:
        with without_prefect():
            report: Report = body(spec)
            return report

    return with_parameters_of(command)(call)


run, split = _plain(RUN, pipeline.cleansplit), _plain(SPLIT, pipeline.split)
audit, dedupe = _plain(AUDIT, pipeline.audit), _plain(DEDUPE, pipeline.dedupe)


def load(spec: Any) -> tuple[Any, LoadedSources]:
    """Load the sources of a specification."""
    with without_prefect():
        return load_sources(spec)
