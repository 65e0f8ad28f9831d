"""Tasks on a Dask cluster: one with an address, or one started on this machine."""

import logging
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

from distributed import Client, LocalCluster, Security
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner
from prefect_dask.task_runners import DaskTaskRunner

from flows.engine.runners import at_once
from tasks.errors import ServerError, UsageError
from tasks.records.spec import WorkSpec

PACKAGE = "cleansplit"
SECONDS_FOR_SCHEDULER, SECONDS_FOR_WORKERS = 15, 60


def on_cluster(spec: WorkSpec) -> TaskRunner[PrefectFuture[Any]]:
    """Return a runner on the chosen cluster; raises `ServerError` if it does not answer, or has no workers."""
    address, own, problem = spec.scheduler, dict[str, Any](), "does not answer"
    if not address:
        cluster = _started(at_once(spec), spec.memory)
        address, own = cluster.scheduler_address, {"security": cluster.security}
    try:
        with cast(Any, Client)(address, timeout=SECONDS_FOR_SCHEDULER, set_as_default=False, **own) as client:
            problem = "has no workers"
            client.wait_for_workers(1, timeout=SECONDS_FOR_WORKERS)
            _refuse_other_versions(client)
    except (OSError, ValueError) as error:
        raise ServerError(f"the Dask scheduler at {address} {problem}; start it and run the command again.") from error
    return cast("TaskRunner[PrefectFuture[Any]]", DaskTaskRunner(address=address, client_kwargs=own))


def _refuse_other_versions(client: Any) -> None:
    """Raise `UsageError` when the scheduler or a worker has another version of cleansplit, or none."""
    own, there = version(PACKAGE), {"the scheduler": ""}
    with suppress(PackageNotFoundError):
        there["the scheduler"] = client.run_on_scheduler(version, PACKAGE)
    for where, found in (there | client.run(version, PACKAGE, on_error="return")).items():
        if found != own:
            has = f"has cleansplit {found}" if found and isinstance(found, str) else "lacks cleansplit"
            raise UsageError(f"{where} of the Dask cluster {has}, and this machine has {own}; install the same there.")


@cache
def _started(workers: int, memory: float | None) -> Any:
    """Start a cluster on this machine that ends with this process and refuses other users of the machine."""
    return cast(Any, LocalCluster)(
        n_workers=workers,
        threads_per_worker=1,
        memory_limit="auto" if memory is None else round(memory * 1e9 / workers),
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        security=cast(Any, Security).temporary(),
    )
