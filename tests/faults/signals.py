"""The real command, stopped, killed, and robbed of its processes, in front of a real Prefect server."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import StateType

from flows.engine.closing import UNFINISHED
from tests.faults import plain
from tests.faults.oracle import Tally, leftovers, torn

SECONDS_TO_STOP = 5
SECONDS_TO_NOTICE = 3  # for a process of a pool whose parent is gone
DEFAULT: Mapping[str, str] = {}  # sources: those of the default job
STOPS = [
    (number, runner, delay, times)
    for number in (signal.SIGINT, signal.SIGTERM)
    for runner in ("threads", "processes")
    for delay, times in ((0.2, 1), (4.0, 1), (2.0, 2))
]


@dataclass
class Command:
    """A run of the command, on the default data set or on the small sources, and how to find its processes again."""

    workspace: Path
    environment: Mapping[str, str]
    runner: str
    sources: Mapping[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self) -> "subprocess.Popen[str]":
        """Start it, and wait until its sources are indexed."""
        command = [sys.executable, "-m", "flows.command.cli", "run", "--models", "softmax"]
        command += ["--workspace", str(self.workspace)]
        command += [flag for role, path in self.sources.items() for flag in (f"--{role}", path)]
        command += ["--classes", "2", "--max-quarantine", "0.5"] if self.sources else []
        process = subprocess.Popen(
            [*command, "--sizes", "50", "--runner", self.runner], env=self._marked(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        while (line := process.stderr.readline()) and not line.startswith("index members"):
            pass
        return process

    def finish(self) -> int:
        """Run it to its end and return its exit code."""
        process = self.start()
        process.communicate(timeout=300)
        return process.returncode

    def processes(self) -> list[int]:
        """Return the processes, this command's and its children's, that are alive."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def _marked(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "CLEANSPLIT_MARK": self.mark}


def stopped(
    environment: Mapping[str, str],
    scratch: Path,
    stops: Sequence[tuple[int, str, float, int]] = STOPS,
    sources: Mapping[str, str] = DEFAULT,
) -> Tally:
    """Stop runs by Ctrl-C and SIGTERM, once and twice, on threads and on processes."""
    tally, golden = Tally("stopped by a signal"), _golden(environment, scratch, sources)
    for number, runner, delay, times in stops:
        command = Command(plain.fresh(scratch / "w"), environment, runner, sources)
        process = command.start()
        time.sleep(delay)
        start = time.monotonic()
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.2 * (times - 1))
        said = process.communicate(timeout=60)[1].strip().splitlines()
        in_time = time.monotonic() - start < SECONDS_TO_STOP
        as_told = process.returncode == 128 + number and any(
            line.endswith("run the same command again to resume.") for line in said
        )
        problems = Counter(unexplained=int(not (in_time and as_told)) + len(command.processes()))
        problems["unexplained"] += len(unfinished(command.workspace))
        problems["torn"] += torn(command.workspace) + len(leftovers(command.workspace))
        problems["unexplained"] += command.finish() != 0
        problems["wrong"] += plain.digest(command.workspace) != golden
        tally.count(f"signal {number} on {runner} after {delay} s", +problems)
    return tally


def orphaned(
    environment: Mapping[str, str], scratch: Path, count: int = 3, sources: Mapping[str, str] = DEFAULT
) -> Tally:
    """Kill a run that has a pool of processes: they must notice and end, and the next run must finish."""
    tally, golden = Tally("killed with its pool left behind"), _golden(environment, scratch, sources)
    for number in range(count):
        command, process, _ = with_pool(environment, scratch, number, sources)
        process.kill()
        process.communicate(timeout=60)
        time.sleep(SECONDS_TO_NOTICE)
        problems = Counter(unexplained=len(command.processes()), torn=torn(command.workspace))
        problems["unexplained"] += command.finish() != 0
        problems["wrong"] += plain.digest(command.workspace) != golden
        problems["torn"] += len(leftovers(command.workspace))
        tally.count(f"kill {number}", +problems)
    return tally


def robbed(
    environment: Mapping[str, str], scratch: Path, count: int = 3, sources: Mapping[str, str] = DEFAULT
) -> Tally:
    """Kill a process of the pool, as the system does when memory runs out: the run must say so and go on."""
    tally, golden = Tally("process of the pool killed"), _golden(environment, scratch, sources)
    for number in range(count):
        command, process, pool = with_pool(environment, scratch, number, sources)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pool[-1], signal.SIGKILL)
        said = process.communicate(timeout=300)[1]
        problems = Counter(unexplained=int(process.returncode != 0) + len(unfinished(command.workspace)))
        if number == 0:  # later it may have nothing to do any more
            shown = StateType.FAILED in states(command.workspace)
            problems["unexplained"] += not (shown and "A process of this run was killed" in said)
        problems["wrong"] += plain.digest(command.workspace) != golden
        tally.count(f"kill {number}, code {process.returncode}, said {said[-500:]!r}", +problems)
    return tally


def with_pool(
    environment: Mapping[str, str], scratch: Path, seconds: float, sources: Mapping[str, str]
) -> "tuple[Command, subprocess.Popen[str], list[int]]":
    """Start a command, wait until processes work for it and some seconds longer, and return them too."""
    command = Command(plain.fresh(scratch / "w"), environment, "processes", sources)
    process = command.start()
    for _ in range(300):
        pool = [pid for pid in command.processes() if pid != process.pid and b"popen_loky" in _command_line(pid)]
        if len(pool) >= 2:
            time.sleep(seconds)
            return command, process, pool
        time.sleep(0.1)
    raise AssertionError("no pool was started")


def unfinished(workspace: Path) -> list[str]:
    """Return the flow and task runs of a workspace that Prefect shows as going on, a while after their end."""
    for _ in range(20):  # its server writes down what tasks report once a second
        if not (going_on := _going_on(workspace)):
            break
        time.sleep(0.2)
    return going_on


def _going_on(workspace: Path) -> list[str]:
    return [str(state) for state in states(workspace) if state in UNFINISHED["type"]["any_"]]


def states(workspace: Path) -> list[StateType | None]:
    """Return the states of the newest flow run of a workspace, of its subflows, and of their tasks."""
    with get_client(sync_client=True) as client:
        top = [run for run in client.read_flow_runs(limit=200) if run.parameters.get("workspace") == str(workspace)]
        newest = max(top, key=lambda run: str(run.created))
        below = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[newest.id]))
        runs = [newest, *client.read_flow_runs(flow_run_filter=below)]
        of_runs = FlowRunFilter(id=FlowRunFilterId(any_=[run.id for run in runs]))
        tasks = client.read_task_runs(flow_run_filter=of_runs)
        return [*(run.state_type for run in runs), *(task.state_type for task in tasks)]


def _golden(environment: Mapping[str, str], scratch: Path, sources: Mapping[str, str]) -> str:
    """Return the digest of an undisturbed run of the command."""
    workspace = scratch / "undisturbed"
    if not workspace.exists() and Command(workspace, environment, "threads", sources).finish():
        raise RuntimeError("the undisturbed run failed")
    return plain.digest(workspace)


def _command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
