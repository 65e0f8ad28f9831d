"""Deploy to a real server, and let a real worker run it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).resolve().parents[2]


def prefect(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Prefect's own command in the project's folder."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def worker(server: dict[str, str]) -> Iterator[dict[str, str]]:
    """Deploy everything and start a worker."""
    environment = server | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    assert prefect("work-pool", "create", "cleansplit", "--type", "process", **environment).returncode == 0
    deployed = prefect("deploy", "--all", **environment)
    assert deployed.returncode == 0, deployed.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "cleansplit"],
        cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield environment
    process.send_signal(signal.SIGINT)
    process.wait(30)


def final_state(deployment: str) -> Any:
    """Wait for the newest run of a deployment to end, and return its state."""
    with get_client(sync_client=True) as client:
        for _ in range(120):
            runs = [run for run in client.read_flow_runs(limit=200) if str(run.deployment_id or "")]
            named = [run for run in runs if client.read_deployment(run.deployment_id).name == deployment]  # type: ignore[arg-type]
            newest = max(named, key=lambda run: str(run.created), default=None)
            if newest and newest.state and newest.state.is_final():
                return newest.state
            time.sleep(1)
    raise AssertionError(f"{deployment} did not end")


@pytest.mark.parametrize(
    "entry", yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"], ids=lambda e: e["name"]
)
def test_every_entrypoint_loads(entry: dict[str, Any]) -> None:
    flow: Any = load_flow_from_entrypoint(str(ROOT / entry["entrypoint"]), use_placeholder_flow=False)
    assert flow.name in ("cleansplit", "audit")


def test_a_deployment_runs_and_its_failure_is_the_sentence_of_the_command(
    worker: dict[str, str], sources: dict[str, Any], tmp_path: Path
) -> None:
    given = [f"-pworkspace={tmp_path / 'w'}", f"-plarge={sources['large']}", f"-psmall={sources['small']}"]
    quick = ['-pmodels=["softmax"]', "-psizes=[50]", "-pmax_quarantine=0.1"]
    done = prefect("deployment", "run", "cleansplit/on-demand", *given, *quick, "--watch", **worker)
    assert done.returncode == 0, done.stdout + done.stderr
    assert final_state("on-demand").is_completed()
    assert (tmp_path / "w" / "latest" / "report.json").is_file()
    prefect("deployment", "run", "cleansplit/on-demand", *given, "-pthreshold=0.955", "--watch", **worker)
    failed = final_state("on-demand")
    assert failed.is_failed()
    assert failed.message == "threshold 0.955 is not a whole percent; use for instance 0.95."
    prefect("deployment", "run", "cleansplit/on-demand", *given, "-pthreshold=1.5", "--watch", **worker)
    assert final_state("on-demand").message == "threshold: Input should be less than or equal to 1"
