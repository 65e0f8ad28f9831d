"""Go on where processes were lost; say what was lost with a cluster, and close the tasks that it leaves running."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from httpx import HTTPError
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.engine.closing import close_tasks
from flows.engine.progress import say
from flows.engine.runners import AnyRunner, Workers, threads
from tasks.errors import ProcessLostError
from tasks.processes import in_processes
from tasks.records.spec import WorkSpec

T = TypeVar("T")

LOST = (
    "The Dask cluster lost its scheduler, or a worker with the same task again and again, perhaps for lack of memory; "
    "look at their logs, and run the same command again to continue."
)


@contextmanager
def lost_cluster() -> Iterator[None]:
    """Turn the loss of a cluster, by which the block ends, into a `ProcessLostError`."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "distributed":
            raise
        try:
            with get_client(sync_client=True) as client:
                close_tasks([UUID(str(flow_run.id))], Crashed(message=LOST), client)
        except HTTPError as why:  # the server is busy; the run goes on all the same
            say(f"The tasks that were lost still show as running: {why}")
        raise ProcessLostError(LOST) from error


def again_in_one(do: Callable[[AnyRunner], T], workers: Workers, spec: WorkSpec, stay: bool = False) -> T:
    """Do something on workers; when their processes are lost, do what is not finished one task after the other.

    The processes may `stay` for what follows.
    """
    try:
        with in_processes(workers.processes, stay):
            return do(workers.runner)
    except ProcessLostError as lost:
        if spec.on_dask:  # whose tasks were tried again already
            raise
        say(f"{lost} What is not finished is done in one process.")
        return do(threads(1))
