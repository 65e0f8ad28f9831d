"""The cluster that other tests rely on does what it says, and nothing outlives the tests."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster.children import wait_for
from tests.cluster.dask import Cluster

LEAVING = """
import os, pathlib, sys
from tests.cluster.dask import Cluster
from tests.cluster.store import Store

store, cluster = Store(pathlib.Path(sys.argv[1])), Cluster(pathlib.Path(sys.argv[2]), [{}])
store.start()
cluster.start()
print(store.pid, *cluster.pids.values(), flush=True)
os.kill(os.getpid(), 9)
"""


def test_workers_have_environments_of_their_own(cluster: Cluster) -> None:
    with cluster.client() as client:
        found = client.run(os.getenv, "CLEANSPLIT_SCRATCH")
    assert sorted(found.values()) == ["first", "second"]


def test_killed_worker_comes_back_while_its_task_runs_elsewhere(cluster: Cluster) -> None:
    before = cluster.pids
    with cluster.client() as client:
        future = client.submit(_sleep_and_tell, 2, workers=["0"], allow_other_workers=True)
        time.sleep(0.5)
        cluster.kill_worker(0)
        assert future.result(timeout=30) != before[0]
    cluster.wait_for_workers()
    assert cluster.pids[1] == before[1]
    assert cluster.pids[0] != before[0]


def test_removed_worker_stays_away_and_a_new_start_brings_all_back(cluster: Cluster) -> None:
    cluster.remove_worker(0)
    wait_for(lambda: list(cluster.pids) == [1], 10)
    cluster.kill_scheduler()
    cluster.start()
    assert sorted(cluster.pids) == [0, 1]


def test_nothing_outlives_the_test_process(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("store", "cluster")]
    done = subprocess.run([sys.executable, "-c", LEAVING, *folders], stdout=subprocess.PIPE, check=False, timeout=180)
    assert done.returncode == -signal.SIGKILL
    pids = done.stdout.split()
    assert len(pids) == 2
    wait_for(lambda: not any(Path(f"/proc/{int(pid)}").exists() for pid in pids), 10)


def _sleep_and_tell(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()
