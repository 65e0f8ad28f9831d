"""Another user of the machine reaches neither the scheduler nor the workers that a command starts."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from distributed import Client

from flows.engine import cluster
from tasks.records.spec import SanitizeSpec
from tests.cluster.trial import certified

STRANGER = """
import asyncio, json, sys
from distributed.comm import connect
from distributed.security import Security

async def visit(address, own):
    comm = await connect(address, timeout=5, **own.get_connection_args("client"))
    await comm.write({"op": "identity", "reply": True})
    return await comm.read()

secured = {"none": Security(), "own": Security.temporary()}
for address in json.loads(sys.argv[1]):
    for scheme in ("tcp", "tls"):
        for name, own in secured.items():
            try:
                asyncio.run(asyncio.wait_for(visit(f"{scheme}://{address.split('://')[1]}", own), 20))
                print("reached", scheme, name, address)
            except Exception as error:
                print("refused", type(error).__name__)
"""


def visits(addresses: list[str], **environment: str) -> list[str]:
    """Let a process without the certificate try every address; return what became of it."""
    command = [sys.executable, "-c", STRANGER, json.dumps(addresses)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def started() -> Iterator[Any]:
    spec = SanitizeSpec.of(runner="dask", workers=1)
    cluster.on_cluster(spec)
    yield cluster._started(1, None)
    cluster._started(1, None).close()


def test_a_stranger_reaches_nothing_of_a_cluster_that_a_command_starts(started: Any) -> None:
    address = started.scheduler_address
    with cast(Any, Client)(address, set_as_default=False, security=started.security) as client:
        info = client.scheduler_info()
        assert client.submit(sum, [1, 2]).result() == 3
    addresses = [address, *info["workers"], *(worker["nanny"] for worker in info["workers"].values())]
    assert len(addresses) == 3
    assert {each.partition("://")[0] for each in addresses} == {"tls"}
    assert {line.split()[0] for line in visits(addresses)} == {"refused"}


def test_the_certificate_of_a_cluster_that_stays_is_for_its_user_alone(tmp_path: Path) -> None:
    settings = certified(tmp_path)
    assert (tmp_path / "dask.pem").stat().st_mode & 0o777 == 0o600
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tls://127.0.0.1:{free.getsockname()[1]}"
    own = {"DASK_CONFIG": str(settings)}
    command = [
        sys.executable,
        "-m",
        "dask",
        "scheduler",
        "--no-dashboard",
        "--host=127.0.0.1",
        f"--port={address[16:]}",
    ]
    with subprocess.Popen(command, env=os.environ | own, stderr=subprocess.PIPE) as scheduler:
        try:
            assert scheduler.stderr is not None
            while b"Scheduler at" not in scheduler.stderr.readline():
                assert scheduler.poll() is None
            assert visits([address], **own)[2] == f"reached tls none {address}"
            assert {line.split()[0] for line in visits([address])} == {"refused"}
        finally:
            scheduler.kill()
