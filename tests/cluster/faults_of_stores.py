"""What each of two stores says of a bucket or a right that is missing: part of ``make faults``, which installs moto."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.build import ROOT
from tests.cluster.children import free_ports, kill, start, wait_for
from tests.cluster.store import BUCKET, SECRET, Store, environment

MOTO = ROOT / ".venv-moto" / "bin" / "moto_server"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve moto, which checks no rights and creates no bucket by itself; yield its port."""
    yield from _moto(tmp_path_factory.mktemp("moto"), {})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Serve a moto that knows no user; only the creation of a bucket needs no right."""
    yield from _moto(tmp_path_factory.mktemp("strict"), {"INITIAL_NO_AUTH_ACTION_COUNT": "1"})


def _moto(folder: Path, own: dict[str, str]) -> Iterator[int]:
    if not MOTO.exists():
        pytest.skip(f"{MOTO} is not installed; `make faults` installs it")
    (port,) = free_ports(1)
    process = start([str(MOTO), "-p", str(port)], os.environ | own, folder / "moto.log")
    try:
        wait_for(lambda: "Running on" in (folder / "moto.log").read_text(), 60)
        httpx.put(f"http://127.0.0.1:{port}/{BUCKET}").raise_for_status()
        yield port
    finally:
        kill(process)


def said(port: int, secret: str, workspace: str, sources: dict[str, Any], home: Path) -> tuple[int, str]:
    """Return the code and the last line of an audit in a workspace, and see that there is no traceback."""
    own = environment(port) | {"AWS_SECRET_ACCESS_KEY": secret, "PREFECT_HOME": str(home), "PREFECT_API_URL": ""}
    given = ("--train", sources["large"], "--test", sources["small"], "--max-quarantine", "0.1")
    command = [sys.executable, "-m", "flows.command.cli", "audit", *given, "--workspace", workspace]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def test_each_store_is_used_and_what_it_lacks_is_one_sentence(
    store: Store, moto: int, strict: int, sources: dict[str, Any], home: Path
) -> None:
    used = f"s3://{BUCKET}/workspace"
    assert said(moto, SECRET, used, sources, home)[0] == 0
    assert said(store.port, SECRET, used, sources, home)[0] == 0
    missing = (6, "cleansplit: the bucket nowhere does not exist; create it, or choose another.")
    assert said(moto, SECRET, "s3://nowhere/workspace", sources, home) == missing
    for port, secret in ((strict, SECRET), (store.port, "wrong")):
        code, sentence = said(port, secret, used, sources, home)
        assert code == 6
        assert sentence.endswith("the store denies access; check the credentials and their rights."), sentence
