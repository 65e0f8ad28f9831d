"""What dies under a run on a cluster, and what becomes of the run: takes minutes, and is part of ``make faults``."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from flows.pipeline import cleansplit
from tasks.errors import ProcessLostError
from tasks.records import Report
from tests.cluster.children import wait_for
from tests.cluster.dask import Cluster
from tests.cluster.faults import Delay
from tests.cluster.proxy import Proxy
from tests.cluster.test_runs import ON_CLUSTER, bucket, cluster, files_of, proxy

pytestmark = pytest.mark.usefixtures("prefect_server")

__all__ = ["bucket", "cluster", "proxy"]  # fixtures


def kill_at(cluster: Cluster, task: str, ended: threading.Event) -> bool:
    """Kill a worker that does a task of some name, once; return False when none did before the end."""
    with cluster.client() as client:
        asked: Any = client
        while not ended.is_set():
            busy = [where for where, keys in asked.processing().items() if any(task in str(key) for key in keys)]
            if busy:
                cluster.kill_worker(int(asked.scheduler_info(n_workers=-1)["workers"][busy[0]]["name"]))
                return True
            time.sleep(0.02)
    return False


def kill_whoever(cluster: Cluster, task: str, ended: threading.Event) -> None:
    """Kill every worker that takes a task of some name."""
    while not ended.is_set():
        with suppress(OSError, LookupError):  # one that ended meanwhile
            kill_at(cluster, task, ended)


def test_a_worker_that_dies_costs_what_it_was_doing(
    run: Report, sources: dict[str, Any], cluster: Cluster, proxy: Proxy, bucket: str
) -> None:
    proxy.add(Delay(seconds=0.05))  # so that a task lasts long enough to be met
    ended, killed = threading.Event(), list[bool]()
    tasks = ("load_part", "find_overlap", "train_and_score")
    killing = threading.Thread(target=lambda: killed.extend(kill_at(cluster, task, ended) for task in tasks))
    killing.start()
    try:
        report = cleansplit(**sources, workspace=bucket, **ON_CLUSTER, runner="dask", cluster=cluster.address)
    finally:
        ended.set()
        killing.join()
    assert killed == [True] * len(tasks)
    assert files_of(report) == files_of(run)


def test_a_task_that_kills_its_workers_ends_the_run_which_continues(
    run: Report, sources: dict[str, Any], cluster: Cluster, proxy: Proxy, bucket: str
) -> None:
    proxy.add(Delay(seconds=0.1))
    ended = threading.Event()
    killing = threading.Thread(target=kill_whoever, args=(cluster, "find_overlap", ended))
    killing.start()
    on: dict[str, Any] = {"workspace": bucket, "runner": "dask", "cluster": cluster.address}
    try:
        with pytest.raises(ProcessLostError, match="lost its scheduler, or a worker"):
            cleansplit(**sources, **ON_CLUSTER, **on)
    finally:
        ended.set()
        killing.join()
    proxy.faults.clear()
    cluster.wait_for_workers()
    assert files_of(cleansplit(**sources, **ON_CLUSTER, **on)) == files_of(run)


def test_a_scheduler_that_dies_ends_the_run_which_continues(
    run: Report, sources: dict[str, Any], cluster: Cluster, proxy: Proxy, bucket: str
) -> None:
    proxy.add(Delay(seconds=0.1))
    on: dict[str, Any] = {"workspace": bucket, "runner": "dask", "cluster": cluster.address}

    def kill_scheduler() -> None:
        with cluster.client() as client:
            wait_for(_processes(client, "find_overlap"), 120)
        cluster.kill_scheduler()

    killing = threading.Thread(target=kill_scheduler)
    killing.start()
    with pytest.raises(ProcessLostError, match="lost its scheduler, or a worker") as caught:
        cleansplit(**sources, **ON_CLUSTER, **on)
    assert caught.value.exit_code == 1
    killing.join()
    proxy.faults.clear()
    cluster.start()
    assert files_of(cleansplit(**sources, **ON_CLUSTER, **on)) == files_of(run)


def test_a_flow_that_is_killed_is_continued(
    run: Report, sources: dict[str, Any], cluster: Cluster, proxy: Proxy, bucket: str, server: dict[str, str]
) -> None:
    proxy.add(Delay(seconds=0.05))
    on: dict[str, Any] = {"workspace": bucket, "runner": "dask", "cluster": cluster.address}
    script = f"from flows.pipeline import cleansplit\ncleansplit(**{ {**sources, **ON_CLUSTER, **on}!r})"
    driver = subprocess.Popen([sys.executable, "-c", script], env=os.environ | server)
    with cluster.client() as client:
        wait_for(_processes(client, "find_overlap"), 120)
    driver.kill()
    driver.wait()
    proxy.faults.clear()
    assert files_of(cleansplit(**sources, **ON_CLUSTER, **on)) == files_of(run)


def _processes(client: Any, task: str) -> Callable[[], bool]:
    return lambda: any(task in str(key) for keys in client.processing().values() for key in keys)
