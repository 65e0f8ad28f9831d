"""What unchanged nights cost a server: bytes and rows of its database, and seconds: [--nights 10].

A server, a worker and the deployments as users have them, in a temporary folder. The first run builds everything; the
nights after it find nothing changed. The second column is what is left a day later: by its own settings the server
removes events then, which this program imitates by making them older.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import cyclopts
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.settings import PREFECT_API_URL, temporary_settings

from tests.build import LETTERS, glyphs, members_of, write_tar
from tests.operations.conftest import ROOT, ended, free_port, until

SECONDS_TO_VACUUM = 30
TABLES = ("log", "events", "event_resources", "artifact", "flow_run", "task_run", "task_run_state")
GIVEN: dict[str, Any] = {"models": ["1nn"], "sizes": [50]}


def main(nights: int = 10) -> None:
    """Print the growth per night, after a first run."""
    with tempfile.TemporaryDirectory(prefix="cleansplit-nights-") as folder:
        home, port = Path(folder) / "prefect", free_port()
        home.mkdir()
        given = GIVEN | sources(Path(folder)) | {"workspace": f"{folder}/workspace"}
        address = f"http://127.0.0.1:{port}/api"
        places = {"PREFECT_HOME": str(home), "PREFECT_API_URL": address, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        places["PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS"] = "5"
        command = [sys.executable, "-m", "flows.command.serve", "--port", str(port)]
        said = home / "serve.log"
        with said.open("w") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | places, stdout=log, stderr=log, start_new_session=True
            )
        try:
            until(lambda: "Ctrl-C here" in said.read_text())
            with temporary_settings({PREFECT_API_URL: address}):
                night(given)
                before = a_day_later(home)
                seconds = sum(night(given) for _ in range(nights))
                after, later = settled(home), a_day_later(home)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(90)
    print(f"{nights} nights, {seconds / nights:.1f} s each")
    for name, there in before.items():
        now, then = ((found[name] - there) / nights for found in (after, later))
        print(f"{name:16} {now:11,.1f} a night, {then:11,.1f} a day later")


def sources(folder: Path) -> dict[str, str]:
    """Write two archives of ten letters."""
    images = {letter: list(glyphs(50, seed=number)) for number, letter in enumerate(LETTERS)}
    parts = {"large": {name: own[:42] for name, own in images.items()}}
    parts["small"] = {name: [*own[:2], *own[42:]] for name, own in images.items()}
    return {role: str(write_tar(folder / f"{role}.tar.gz", members_of(part, role))) for role, part in parts.items()}


def night(given: dict[str, Any]) -> float:
    """Do one run of the deployment `nightly`; return its seconds."""
    with get_client(sync_client=True) as client:
        named = DeploymentFilter(name=DeploymentFilterName(any_=["nightly"]))
        (nightly,) = client.read_deployments(deployment_filter=named)
        run: UUID = client.create_flow_run_from_deployment(nightly.id, parameters=given).id
        state = ended(run)
        assert state.is_completed(), state.message
        return client.read_flow_run(run).total_run_time.total_seconds()


def settled(home: Path) -> dict[str, int]:
    """Return the bytes in use and the rows of each table, once the server has written what it was told."""
    time.sleep(8)
    with sqlite3.connect(home / "prefect.db") as database:

        def one(query: str) -> int:
            return int(database.execute(query).fetchone()[0])

        pages = one("pragma page_count") - one("pragma freelist_count")
        return {"bytes": pages * one("pragma page_size")} | {
            name: one(f"select count(*) from {name}")  # noqa: S608  # our own names
            for name in TABLES
        }


def a_day_later(home: Path) -> dict[str, int]:
    """Make all events a day older, let the server remove what it keeps for a day, and return what is left."""
    settled(home)
    with sqlite3.connect(home / "prefect.db", timeout=60) as database:
        for table in ("events", "event_resources"):
            database.execute(f"update {table} set occurred = datetime(occurred, '-25 hours')")  # noqa: S608  # ours
    time.sleep(SECONDS_TO_VACUUM)
    return settled(home)


if __name__ == "__main__":
    cyclopts.run(main)
