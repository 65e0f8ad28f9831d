"""Ctrl-C ends a run within seconds, and Prefect knows."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from prefect.client.orchestration import get_client


def test_ctrl_c_stops_at_once_and_the_next_run_continues(server: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "run", "--workspace", str(tmp_path), "--models", "softmax"]
    command += ["--sizes", "50"]
    environment = os.environ | server
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("fetch sources")
    time.sleep(0.5)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(10) == 130
    assert time.monotonic() - start < 5
    assert "cleansplit: interrupted; the same command continues where it stopped." in said.splitlines()
    assert not list(tmp_path.rglob("*.building"))
    with get_client(sync_client=True) as client:
        runs = [run for run in client.read_flow_runs(limit=200) if run.parameters.get("workspace") == str(tmp_path)]
    runs = [run for run in runs if run.parent_task_run_id is None]
    assert [str(run.state and run.state.name) for run in runs] == ["Cancelled"]
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert again.returncode == 0, again.stderr
