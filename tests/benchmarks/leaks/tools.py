"""Run tools, each in a process of its own, and measure what they find, how long they take and how much memory."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.benchmarks.leaks.sets import short

LIMIT, OWN_LIMIT = 120, 300  # seconds of another tool, and of cleansplit, on one set
PEERS = ("cleanvision", "imagededup", "faiss")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Found:
    """Pairs of test and train images that a tool calls duplicates, or None without an answer; seconds, peak in MB."""

    pairs: frozenset[tuple[str, str]] | None
    seconds: float
    peak: float


def measured(command: Sequence[str], limit: float = OWN_LIMIT) -> tuple[str | None, float, float]:
    """Run a command; return what it prints, its seconds, and the largest sum of the memory of its processes."""
    start, peak = time.perf_counter(), 0.0
    quiet = os.environ | {"PREFECT_API_URL": ""}
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=quiet, start_new_session=True)
        while process.poll() is None:
            peak = max(peak, _memory_of_session(process.pid))
            if time.perf_counter() - start > limit:
                os.killpg(process.pid, 9)
                process.wait()
                return None, limit, peak
            time.sleep(0.05)
        seconds = time.perf_counter() - start
        out.seek(0)
        return out.read() if process.returncode in (0, 4) else None, seconds, peak


def _memory_of_session(session: int) -> float:
    """Return the memory of the processes of a session in MB: their own pages, and shared ones of that with the most.

    What `smaps` says is more exact, but takes 10 ms of a process with a gigabyte, which it stops: a tenth of its time.
    """
    own, shared = 0, [0]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                resident, of_files = map(int, (stat.parent / "statm").read_text().split()[1:3])
                own += resident - of_files
                shared.append(of_files)
        except (OSError, ValueError):
            continue
    return (own + max(shared)) * resource.getpagesize() / (1 << 20)


def cleansplit(folder: Path, workspace: Path, *more: str) -> Found:
    """Audit a set with the command."""
    command = [sys.executable, "-m", "flows.command.cli", "audit", str(folder), "--workspace", str(workspace)]
    said, seconds, peak = measured([*command, "--max-quarantine", "1", *more])
    if said is None:
        return Found(None, seconds, peak)
    run = Path(said.strip())
    rows = pq.read_table(run / "removed.parquet").to_pylist()
    pairs = [(row["id"], row["twin_id"]) for row in rows if row["split"] == "test"]
    if "--also" in more:
        least = 100 * (json.loads((run / "report.json").read_text())["verdict"]["threshold"] or 9)
        turned = pq.read_table(run / "variants.parquet").to_pylist()
        pairs += [(row["id"], row["twin_id"]) for row in turned if row["percent"] >= least > row["plain_percent"]]
    return Found(frozenset((short(one), short(other)) for one, other in pairs), seconds, peak)


def stages_of(workspace: Path) -> dict[str, float]:
    """Return the seconds of the stages of the only run in a workspace."""
    (made,) = workspace.glob("runs/*/run.json")
    seconds: dict[str, float] = json.loads(made.read_text())["result"]["seconds"]
    return seconds


def peer(tool: str, python: str, folder: Path) -> Found:
    """Run another tool."""
    said, seconds, peak = measured([python, str(HERE / "peers.py"), tool, str(folder)], LIMIT)
    pairs = None if said is None else frozenset((short(a), short(b)) for a, b in json.loads(said)["pairs"])
    return Found(pairs, seconds, peak)
