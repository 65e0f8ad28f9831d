"""A real Dask cluster: a scheduler and workers in processes of their own, which tests can kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from distributed import Client

from tests.cluster.children import free_ports, kill, start

READY = 60  # seconds for all to import what they need, on a busy machine


class Cluster:
    """A scheduler and, for each environment given, a worker of one thread.

    Every worker has a nanny, Dask's process that starts it again when it dies, and kills it above its memory limit.
    They find modules of this project, tests included, when the tests run in the project's folder.
    """

    def __init__(self, folder: Path, environments: Sequence[Mapping[str, str]], memory: str = "1GB") -> None:
        self._folder = folder
        self._environments = environments
        self._memory = memory
        self._port = free_ports(1)[0]
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._nannies: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return f"tcp://127.0.0.1:{self._port}"

    @property
    def pids(self) -> dict[int, int]:
        """The processes of the workers that are there now, by the worker's number."""
        with self.client() as client:
            workers = client.scheduler_info(n_workers=-1)["workers"]
            pids = client.run(os.getpid, on_error="ignore")  # without processes that are ending
            return {int(workers[address]["name"]): pid for address, pid in pids.items() if address in workers}

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Connect to the scheduler, without becoming the client that others in this process use."""
        with Client(self.address, timeout=READY, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            yield client

    def start(self) -> None:
        """Start the scheduler and all workers, at the same address as before, and wait for them."""
        self.kill()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._scheduler = self._dask("scheduler", ["--host=127.0.0.1", f"--port={self._port}"], {})
        self._nannies = [self._start_worker(number) for number in range(len(self._environments))]
        self.wait_for_workers()

    def wait_for_workers(self, count: int | None = None) -> None:
        """Wait until all workers, or `count`, are connected."""
        wanted = len(self._environments) if count is None else count
        if wanted:
            with self.client() as client:
                client.wait_for_workers(wanted, timeout=READY)

    def kill_worker(self, number: int) -> None:
        """Kill a worker as the system does when memory runs out; its nanny starts another within a second or so."""
        os.kill(self.pids[number], signal.SIGKILL)

    def remove_worker(self, number: int) -> None:
        """Kill a worker with its nanny, so that it does not come back."""
        worker = self.pids[number]
        kill(self._nannies[number])
        os.kill(worker, signal.SIGKILL)

    def kill_scheduler(self) -> None:
        """Kill the scheduler; its workers and their nannies then end, and only `start` brings them back."""
        if self._scheduler:
            kill(self._scheduler)

    def kill(self) -> None:
        """Kill all; workers end when their nannies are gone."""
        self.kill_scheduler()
        for nanny in self._nannies:
            kill(nanny)

    def _start_worker(self, number: int) -> subprocess.Popen[bytes]:
        options = [self.address, f"--name={number}", "--nworkers=1", "--nthreads=1", "--host=127.0.0.1",
                   f"--memory-limit={self._memory}", f"--local-directory={self._folder / str(number)}"]  # fmt: skip
        return self._dask("worker", options, self._environments[number])

    def _dask(self, role: str, options: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", role, "--no-dashboard", *options]
        return start(command, os.environ | dict(environment), self._folder / f"{role}.log")
