"""Run a piece of work in a process of its own under a memory limit and a watchdog."""

import faulthandler
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MEMORY = 1 << 30  # beyond what the interpreter and its libraries map when they start
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
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))


def watch(seconds: int = SECONDS) -> None:
    """End this process with a traceback unless it calls again within some seconds."""
    faulthandler.dump_traceback_later(seconds, exit=True)


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
