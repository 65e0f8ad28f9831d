"""A real server of the S3 protocol, SeaweedFS, that tests can kill and start again on the same data."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.cluster.children import free_ports, kill, start, wait_for

BUCKET = "cleansplit"
READY = 60  # seconds for a busy machine; a quiet one needs one
KEY, SECRET = "tester", "secret-of-the-tester"
PORTS = ("s3.port", "s3.port.grpc", "filer.port", "filer.port.grpc", "master.port", "master.port.grpc",
         "volume.port", "volume.port.grpc", "admin.port", "admin.port.grpc")  # fmt: skip
OPTIONS = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-admin.ui=false", "-webdav=false",
           "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=100")  # fmt: skip


class Store:
    """SeaweedFS on free ports of this machine, with its data in a folder.

    Requests signed with `KEY` and `SECRET` may do everything, and so may requests without a signature: the proxy
    takes away the signature where it changes a request. A wrong signature is refused.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._identities.write_text(json.dumps({"identities": _identities()}))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def port(self) -> int:
        """Where the S3 protocol is spoken."""
        return self._ports["s3.port"]

    @property
    def pid(self) -> int:
        """The server's process."""
        if not self._process:
            raise ProcessLookupError("the store was never started")
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to know."""
        return environment(self.port)

    def start(self) -> None:
        """Start the server, on the data of the one before; return when it stores an object."""
        self._process = start(self._command(), os.environ, self._folder / "weed.log")
        client = connect(self.port, seconds=1)
        wait_for(lambda: self._is_ready(client), READY)

    def stop(self) -> None:
        """Ask the server to end, which takes it two seconds, and wait for it."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)

    def kill(self) -> None:
        """End the server as a power cut would, and remove the sockets it leaves."""
        if self._process:
            kill(self._process)
        for port in self._ports.values():
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - the server's own choice
                socket.unlink()

    def _is_ready(self, client: S3Store) -> bool:
        if self._process and self._process.poll() is not None:
            raise ChildProcessError(f"the store ended: {(self._folder / 'weed.log').read_text()[-2000:]}")
        try:
            obstore.put(client, "ready", b"")
            obstore.delete(client, "ready")
        except BaseError:
            return False
        return True

    @property
    def _identities(self) -> Path:
        return self._folder / "identities.json"

    def _command(self) -> list[str]:
        weed = str(Path(sys.executable).with_name("weed"))
        ports = [f"-{name}={port}" for name, port in self._ports.items()]
        return [weed, "-logtostderr", "mini", f"-dir={self._folder}", f"-bucket={BUCKET}",
                f"-s3.config={self._identities}", *OPTIONS, *ports]  # fmt: skip


def environment(port: int) -> dict[str, str]:
    """Return the environment that a client needs to talk to a store, or to a proxy before it."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


def connect(port: int, retries: int = 0, seconds: float = 5, secret: str = SECRET) -> S3Store:
    """Return a client for the bucket that depends on no environment."""
    return S3Store(
        BUCKET,
        endpoint=f"http://127.0.0.1:{port}",
        access_key_id=KEY,
        secret_access_key=secret,
        region="us-east-1",
        client_options={"allow_http": True, "timeout": timedelta(seconds=seconds)},
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=30)},
    )


def _identities() -> list[dict[str, object]]:
    everything = ["Admin", "Read", "Write", "List", "Tagging"]
    return [
        {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": everything},
        {"name": "anonymous", "actions": everything},
    ]
