"""Another team on the same server: its work pool, worker, deployments and runs, all with our tags."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self
from uuid import UUID

import yaml
from prefect.client.orchestration import get_client

from tests.operations.conftest import ROOT, read, start, until
from tests.operations.test_installation import foreign_run, runs_named

FLOWS = """
import time
from prefect import flow
from flows.pipeline import cleansplit
from tasks.errors import StoppedError

@flow(name="audit")
def audit(seconds: float):
    time.sleep(seconds)

@flow(name="calls ours")
def calls_ours(folder: str):
    try:
        cleansplit(workspace=folder, trainings=25)
    except StoppedError as error:
        print(error)
"""
TAGS = ["cleansplit", "scheduled"]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]


class Others:
    """The team, whose worker serves `audit/nightly` and `calls ours/nightly` inside the block."""

    long: UUID
    long_deployed: UUID
    dead: UUID

    def __init__(self, folder: Path, installation: dict[str, str]) -> None:
        self._folder, self._server = folder, installation
        self._own = os.environ | installation | {"PREFECT_HOME": str(folder / "prefect"), "PYTHONPATH": str(ROOT)}

    def __enter__(self) -> Self:
        entry = {"work_pool": {"name": "theirs"}, "tags": TAGS, "name": "nightly"}
        described = [entry | {"entrypoint": f"team.py:{name}"} for name in ("audit", "calls_ours")]
        (self._folder / "team.py").write_text(FLOWS)
        file = self._folder / "team.yaml"
        file.write_text(yaml.safe_dump({"name": "theirs", "pull": None, "deployments": described}))
        for words in (
            ["work-pool", "create", "theirs", "--type", "process"],
            ["deploy", "--all", "--prefect-file", file],
        ):
            subprocess.run([*PREFECT, *words], cwd=self._folder, env=self._own, check=True, capture_output=True)
        with (self._folder / "worker.log").open("w") as log:
            self._worker = subprocess.Popen(
                [*PREFECT, "worker", "start", "--pool", "theirs"], cwd=self._folder, env=self._own, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._worker.pid, signal.SIGKILL)
        self._worker.wait()
        self._long.kill()
        self._long.wait()

    def begin(self, seconds: float) -> None:
        """Begin a run that takes so long, another by their worker, and one whose process is killed after its start."""
        beating = self._server | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
        doomed = foreign_run(seconds, self._folder, beating)
        until(lambda: [run.state_name for run in runs_named("theirs")] == ["Running"])
        doomed.kill()
        doomed.wait()
        self.dead = runs_named("theirs")[0].id
        self._long = foreign_run(seconds, self._folder, self._server)
        until(lambda: [run.state_name for run in runs_named("theirs")] == ["Running"] * 2)
        (self.long,) = (run.id for run in runs_named("theirs") if run.id != self.dead)
        self.long_deployed = self.started(seconds)

    def started(self, seconds: float) -> UUID:
        """Start a run of their deployment that takes so long; return it when it runs."""
        run = start("audit/nightly", seconds=seconds)
        until(lambda: read(run).state_name in ("Running", "Completed"))
        return run


def states_of(run: UUID) -> list[UUID]:
    """Return the ids of all states that a run has had."""
    with get_client(sync_client=True) as client:
        return sorted(state.id for state in client.read_flow_run_states(run))
