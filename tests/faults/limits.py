"""Run a piece of work in a process of its own under a memory limit and a watchdog."""

import faulthandler
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEMORY = 1 << 30  # in addition to the interpreter and its libraries
SECONDS = 20


@dataclass(frozen=True)
class Ended:
    """How a child ended: its JSON answer, or a crash or hang."""

    answer: object
    crashed: bool
    hung: bool
    errors: str


def limit_memory() -> None:
    """Let this process map at most `MEMORY` more than it does now."""
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + MEMORY, _mapped() + MEMORY))


@contextmanager
def limited() -> Iterator[None]:
    """Let the block map at most `MEMORY`, and end this process with a traceback after `SECONDS`."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + MEMORY, before[1]))
    watch()
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, before)


def _mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def watch(seconds: int = SECONDS) -> None:
    """End this process with a traceback unless it calls again within some seconds."""
    faulthandler.dump_traceback_later(seconds, exit=True)


def outcomes(module: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Let a child judge cases by name, another one where it ends; yield each case and its outcome as it comes.

    The child is ``python -m module --child NAME ...``, which calls `answer`.
    """
    left = list(names)
    while left:
        command = [sys.executable, "-m", module, "--child", *left]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            for line in child.stdout:
                yield left.pop(0), json.loads(line)
            said = child.stderr.read()
        if left:
            yield left.pop(0), "HANG" if "Timeout (" in said else f"CRASH {child.returncode} {said[-300:]!r}"


def answer(judge: Callable[[str], str], names: Sequence[str]) -> None:
    """Judge cases in this process, and print the outcome of each as a line of JSON."""
    for name in names:
        print(json.dumps(judge(name)), flush=True)


def report(module: str, names: Sequence[str], fine: tuple[str, ...]) -> None:
    """Print the outcome of each case as it comes; exit with 1 where one begins with none of the words that are fine."""
    wrong = 0
    for number, (name, outcome) in enumerate(outcomes(module, names), 1):
        wrong += not outcome.startswith(fine)
        print(f"{number:>4}/{len(names)} {name:<55} {outcome}", flush=True)
    print(f"{len(names)} cases: findings {wrong}")
    if wrong:
        raise SystemExit(1)


def run_child(module: str, *arguments: str, seconds: int = SECONDS) -> Ended:
    """Run ``python -m module arguments``, which prints one JSON value as its last line."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return Ended(None, crashed=False, hung=True, errors="timeout")
    hung = "Timeout (" in done.stderr
    answer = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
    return Ended(answer, crashed=done.returncode != 0 and not hung, hung=hung, errors=done.stderr)
