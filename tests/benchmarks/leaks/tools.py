"""Run tools, each in a process of its own, and measure what they find, how long they take and how much memory."""

import contextlib
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
from typing import NamedTuple

import pyarrow.parquet as pq

from tests.benchmarks.leaks.sets import short

LIMIT, OWN_LIMIT = 120, 300  # seconds of another tool, and of cleansplit, on one set
PEERS = ("cleanvision", "imagededup", "faiss")
LEAST = 0.05  # seconds of a stage that is shown
HERE = Path(__file__).parent


class Measured(NamedTuple):
    """The output of a command, or None if it failed; its seconds, its processor seconds, and its peak in MB (PSS)."""

    said: str | None
    seconds: float
    worked: float
    peak: float


@dataclass(frozen=True)
class Found:
    """Pairs of test and train images that a tool calls duplicates, or None without an answer, and its cost."""

    pairs: frozenset[tuple[str, str]] | None
    took: Measured


def measured(command: Sequence[str], limit: float = OWN_LIMIT) -> Measured:
    """Run a command; its peak is the largest sum of the memory of its processes, the temporary server included.

    In a checkout, the first command stores the bytecode of our modules, as installing a package does.
    """
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    quiet["PREFECT_API_URL"] = ""
    start, before, peak = time.perf_counter(), worked(), 0.0
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=quiet, start_new_session=True)
        while process.poll() is None:
            looked = time.perf_counter()
            peak = max(peak, _memory_of(process.pid))
            looking = time.perf_counter() - looked
            if looked - start > limit:
                os.killpg(process.pid, 9)
                process.wait()
                return Measured(None, limit, worked() - before, peak)
            time.sleep(max(0.05, 50 * looking))  # a look stops the processes for some milliseconds
        seconds = time.perf_counter() - start
        out.seek(0)
        said = out.read() if process.returncode in (0, 4) else None
        return Measured(said, seconds, worked() - before, peak)


def worked(*whose: int) -> float:
    """Return the processor seconds of processes so far, by default of all finished children of this one.

    Parameters
    ----------
    *whose : int
        ``RUSAGE_SELF``, ``RUSAGE_CHILDREN`` or both.
    """
    of = map(resource.getrusage, whose or (resource.RUSAGE_CHILDREN,))
    return sum(usage.ru_utime + usage.ru_stime for usage in of)


def _memory_of(process: int) -> float:
    """Return the memory of a process and its descendants in MB: the sum of their PSS, which divides shared pages."""
    parents, family, total = {}, {process}, 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    while more := {number for number, parent in parents.items() if parent in family} - family:
        family |= more
    for number in family:
        with contextlib.suppress(OSError, IndexError):  # it has ended
            total += int(Path(f"/proc/{number}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
    return total / 1024


def cleansplit(sources: Sequence[str], workspace: Path, *more: str, limit: float = OWN_LIMIT) -> Found:
    """Audit a set with the command."""
    command = [sys.executable, "-m", "flows.command.cli", "audit", *sources, "--workspace", str(workspace)]
    took = measured([*command, "--max-quarantine", "1", *more], limit)
    if took.said is None:
        return Found(None, took)
    run = Path(took.said.strip())
    rows = pq.read_table(run / "removed.parquet").to_pylist()
    pairs = [(row["id"], row["twin_id"]) for row in rows if row["split"] == "test"]
    if "--also" in more:
        least = 100 * (json.loads((run / "report.json").read_text())["verdict"]["threshold"] or 9)
        turned = pq.read_table(run / "variants.parquet").to_pylist()
        pairs += [(row["id"], row["twin_id"]) for row in turned if row["percent"] >= least > row["plain_percent"]]
    return Found(frozenset((short(one), short(other)) for one, other in pairs), took)


def stages_of(workspace: Path) -> dict[str, float]:
    """Return the seconds of the stages of the only run in a workspace."""
    (made,) = workspace.glob("runs/*/run.json")
    seconds: dict[str, float] = json.loads(made.read_text())["result"]["seconds"]
    return seconds


def show(stages: dict[str, float], seconds: float, worked: float) -> None:
    """Print where the seconds of a run went, by its stages, and how much of the processors it used."""
    for stage, own in stages.items():
        if own >= LEAST:
            print(f"  {stage:<22} {own:>6.1f}")
    outside, busy = seconds - sum(stages.values()), worked / (seconds * (os.cpu_count() or 1))
    print(f"  {'start, end, between':<22} {outside:>6.1f}")
    print(f"  {'of processors':<22} {worked:>6.1f}, {busy:.0%} of {os.cpu_count()}", flush=True)


def peer(tool: str, python: str, folder: Path) -> Found:
    """Run another tool."""
    took = measured([python, str(HERE / "peers.py"), tool, str(folder)], LIMIT)
    pairs = None if took.said is None else frozenset((short(a), short(b)) for a, b in json.loads(took.said)["pairs"])
    return Found(pairs, took)
