"""The compose file, and its commands outside containers, on a real Postgres if available."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from distributed import Client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from tasks.storage.objects import probe
from tasks.storage.workspace import workspace_at
from tests.cluster.children import free_ports
from tests.cluster.store import PORTS
from tests.operations.conftest import ROOT, ended, free_port, start, until

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
HTTP = ("server:4200", "localhost:4200")
ON_CLUSTER: dict[str, Any] = yaml.safe_load((ROOT / "compose.cluster.yaml").read_text())["services"]
SECRETS = {"POSTGRES_PASSWORD": "word/pass@#:1", "PREFECT_AUTH": "admin:wordpass", "STORE_SECRET": "word/pass@#:2"}


def test_only_the_ui_is_reachable_and_nothing_starts_without_secrets() -> None:
    assert set(SERVICES) == {"database", "server", "deploy", "worker"}
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["server"]
    assert SERVICES["server"]["ports"] == ["127.0.0.1:4200:4200"]
    text = (ROOT / "compose.yaml").read_text()
    assert "${POSTGRES_PASSWORD:?" in text
    assert "${PREFECT_AUTH:?" in text
    for name in ("server", "deploy", "worker"):
        assert SERVICES[name]["environment"]["DO_NOT_TRACK"] == "1"
        assert all(other in SERVICES for other in SERVICES[name]["depends_on"])


def test_the_image_is_built_from_files_that_are_there() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copied == ["requirements-cluster.lock", "."]
    assert (ROOT / "requirements-cluster.lock").is_file()


def test_a_cluster_is_reached_by_names_of_its_services_alone() -> None:
    assert set(ON_CLUSTER) == {"store", "scheduler", "dask", "deploy", "worker"}
    assert not any("ports" in service for service in ON_CLUSTER.values())
    access = ON_CLUSTER["worker"]["environment"]
    assert access == ON_CLUSTER["deploy"]["environment"]
    assert access.items() <= ON_CLUSTER["dask"]["environment"].items()
    assert "${STORE_SECRET:?" in access["AWS_SECRET_ACCESS_KEY"]
    for address in (access["AWS_ENDPOINT_URL"], access["CLEANSPLIT_CLUSTER"], ON_CLUSTER["dask"]["command"][2]):
        name, port = address.split("/")[-1].split(":")
        assert port in " ".join(ON_CLUSTER[name]["command"])
    assert ON_CLUSTER["dask"]["environment"]["PREFECT_API_URL"] == SERVICES["worker"]["environment"]["PREFECT_API_URL"]


def test_the_commands_of_a_cluster_work_outside_containers(tmp_path: Path) -> None:
    ports = dict(zip((*PORTS, "scheduler"), map(str, free_ports(len(PORTS) + 1)), strict=True))
    store, scheduler = f"127.0.0.1:{ports['s3.port']}", f"127.0.0.1:{ports['scheduler']}"
    values = {name: _filled(value) for name, value in ON_CLUSTER["dask"]["environment"].items()}
    values |= {"AWS_ENDPOINT_URL": f"http://{store}", "CLEANSPLIT_SCRATCH": str(tmp_path / "scratch")}
    environment = os.environ | values | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def command_of(name: str) -> list[str]:
        words = [word.replace("scheduler:8786", scheduler) for word in ON_CLUSTER[name]["command"]]
        return [ports["scheduler"] if word == "8786" else word.replace("=/data", f"={tmp_path}") for word in words]

    words = [word for word in command_of("store") if not word.startswith("-s3.port")]
    own = [f"-{name}={port}" for name, port in ports.items() if name in PORTS]
    with contextlib.ExitStack() as running:
        for command in (["weed", *words, *own], command_of("scheduler"), command_of("dask")):
            process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
            running.callback(process.wait)
            running.callback(process.terminate)
        client: Any = running.enter_context(Client(f"tcp://{scheduler}", timeout=60, set_as_default=False))  # type: ignore[no-untyped-call]
        client.wait_for_workers(1, timeout=60)
        found = client.submit(probe, workspace_at(values["CLEANSPLIT_WORKSPACE"])).result(timeout=120)
        assert found is None, "the store keeps conditions on writing, by the credentials and the address of the worker"


@pytest.fixture
def postgres() -> Iterator[int]:
    """Run a Postgres with the database that the compose file names, and return its port."""
    programs = {name: shutil.which(name) or found(name) for name in ("initdb", "pg_ctl", "psql")}
    if not all(programs.values()):
        pytest.skip("needs Postgres, which is not installed")
    user: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}  # it refuses to run as root
    place, port = Path(tempfile.mkdtemp()), free_port()  # pytest's own folders are closed to others
    folder, secret = place / "database", place / "secret"
    secret.write_text(SECRETS["POSTGRES_PASSWORD"])
    if user:
        shutil.chown(place, "postgres")
        secret.chmod(0o644)

    def run(name: str, *arguments: str) -> None:
        subprocess.run([str(programs[name]), *arguments], cwd="/", check=True, stdout=subprocess.DEVNULL, **user)

    run("initdb", "-D", str(folder), "--username=prefect", f"--pwfile={secret}", "--auth=scram-sha-256")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    run("pg_ctl", "-D", str(folder), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        os.environ["PGPASSWORD"] = SECRETS["POSTGRES_PASSWORD"]
        create = f"postgresql://prefect@127.0.0.1:{port}/postgres"
        run("psql", create, "-c", f"CREATE DATABASE {SERVICES['database']['environment']['POSTGRES_DB']}")
        yield port
    finally:
        del os.environ["PGPASSWORD"]
        run("pg_ctl", "-D", str(folder), "-m", "immediate", "stop")
        shutil.rmtree(place)


def found(name: str) -> str | None:
    """Return a program of Debian's Postgres, which is outside the path."""
    return next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None)


def test_its_commands_work_outside_containers(postgres: int, sources: dict[str, Any], tmp_path: Path) -> None:
    port = free_port()
    places = dict.fromkeys(HTTP, f"127.0.0.1:{port}")
    database = {"PREFECT_SERVER_DATABASE_HOST": "127.0.0.1", "PREFECT_SERVER_DATABASE_PORT": str(postgres)}
    home = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_WORKER_QUERY_SECONDS": "1"}

    def settings_of(name: str) -> dict[str, str]:
        values = {key: _filled(value) for key, value in SERVICES[name]["environment"].items()}
        for inside, outside in places.items():
            values = {key: value.replace(inside, outside) for key, value in values.items()}
        return os.environ | home | values | (database if name == "server" else {})

    def command_of(name: str) -> list[str]:
        words = [str(port) if word == "4200" else word for word in SERVICES[name]["command"]]
        return [sys.executable, *words[1:]] if words[0] == "python" else [sys.executable, "-m", *words]

    with contextlib.ExitStack() as running:
        for name in ("server", "deploy", "worker"):
            if name == "deploy":
                done = subprocess.run(
                    command_of(name), cwd=ROOT, env=settings_of(name), capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, done.stdout + done.stderr
                continue
            log = running.enter_context((tmp_path / f"{name}.log").open("w"))
            process = subprocess.Popen(
                command_of(name), cwd=ROOT, env=settings_of(name), stdout=log, stderr=log, start_new_session=True
            )
            running.callback(_end, process)
            if name == "server":
                until(lambda: _answers(f"http://127.0.0.1:{port}/api/health"))
        url = f"http://127.0.0.1:{port}/api"
        assert httpx.get(f"{url}/admin/settings").status_code == 401
        foreign = httpx.get(f"{url}/health", headers={"Origin": "http://elsewhere.example"})
        assert foreign.headers.get("access-control-allow-origin") != "*"
        bare = httpx.post(f"{url}/flows/", json={"name": "x"}, auth=("admin", "wordpass"))
        assert bare.status_code == 403
        assert "CSRF" in bare.text
        with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: SECRETS["PREFECT_AUTH"]}):
            given = {"source": sources["small"], "max_quarantine": 0.1}
            run = start("cleansplit-dedupe/dedupe", workspace=tmp_path / "w", **given)
            assert ended(run).is_completed(), ended(run).message
    assert (tmp_path / "w" / "latest" / "report.json").is_file()


def _filled(value: str) -> str:
    """Fill in the variables of a value as compose does."""
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", lambda match: SECRETS[match[1]], value)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).is_success
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
