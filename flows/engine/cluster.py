"""Tasks on a Dask cluster: that of an address, or one that is started on this machine."""

import logging
import math
from functools import cache
from typing import Any, cast

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.engine.machine import at_once
from tasks.errors import ServerError, UsageError
from tasks.records.spec import WorkSpec

SECONDS_FOR_SCHEDULER, SECONDS_FOR_WORKERS = 15, 60


def on_cluster(spec: WorkSpec) -> TaskRunner[PrefectFuture[Any]]:
    """Return a runner whose tasks run on the cluster that was asked for.

    Raises
    ------
    UsageError
        When what speaks with Dask is not installed.
    ServerError
        When the scheduler does not answer, or has no workers.
    """
    try:
        from flows.engine.dask_runner import OnCluster
    except ImportError as error:
        raise UsageError(
            "for --runner dask, install cleansplit with its extra: pip install 'cleansplit[dask]'."
        ) from error
    logging.getLogger("prefect.task_runner.oncluster").setLevel(logging.WARNING)  # which tells of each connection
    address = _address_of(spec)
    _require_workers(address)
    return cast("TaskRunner[PrefectFuture[Any]]", OnCluster(address=address, client_kwargs={"set_as_default": False}))


def memory_of_worker(spec: WorkSpec) -> float:
    """Return the gigabytes that the smallest worker of the cluster may take; without end, where none has a limit."""
    from distributed import Client

    with cast(Any, Client)(_address_of(spec), timeout=SECONDS_FOR_SCHEDULER, set_as_default=False) as client:
        workers = client.scheduler_info()["workers"].values()
    return min((worker["memory_limit"] / 1e9 for worker in workers if worker["memory_limit"]), default=math.inf)


def _address_of(spec: WorkSpec) -> str:
    return spec.scheduler or _started(at_once(spec), spec.memory)


@cache
def _started(workers: int, memory: float | None) -> str:
    """Start a cluster on this machine that lasts as long as this process; return its address."""
    from distributed import LocalCluster

    cluster = cast(Any, LocalCluster)(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit="auto" if memory is None else round(memory * 1e9 / workers),
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )
    return str(cluster.scheduler_address)


def _require_workers(address: str) -> None:
    from distributed import Client

    try:
        with cast(Any, Client)(address, timeout=SECONDS_FOR_SCHEDULER, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=SECONDS_FOR_WORKERS)
    except (OSError, ValueError) as error:
        what = "has no workers" if "workers" in str(error) else "does not answer"
        raise ServerError(
            f"the Dask scheduler at {address} {what}; start it and run the same command again."
        ) from error
