"""Crash, or fail, at every file-system event of a run: the way SQLite is tested.

Python itself announces each event to an audit hook, so nothing in the product knows of it.
"""

import errno
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults import plain
from tests.faults.oracle import Golden, Tally, judge

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
Strike = Callable[[str], None]


def on_event(workspace: Path, act: Strike) -> None:
    """Let `act` happen just before every event that changes something below `workspace`."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or not any(str(workspace) in str(value) for value in arguments[:2]):
            return
        if event != "open" or (isinstance(arguments[2], int) and arguments[2] & WRITING):
            act(str(arguments[0]))

    sys.addaudithook(hook)


def at_event(number: int, workspace: Path, strike: Strike) -> None:
    """Let `strike` happen just before the n-th event; see `on_event`."""
    numbers = itertools.count(1)
    on_event(workspace, lambda path: strike(path) if next(numbers) == number else None)


def die(_path: str) -> None:
    """End the process as a power cut would."""
    os._exit(plain.CRASHED)


def fail(number: int) -> Strike:
    """Return what refuses an event with an error of the operating system."""

    def strike(path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return strike


def count_events(golden: Golden, scratch: Path) -> int:
    """Return how many events an undisturbed run has."""
    workspace, events = plain.fresh(scratch / "w"), scratch / "events"

    def work() -> None:
        seen: list[str] = []
        on_event(workspace, seen.append)
        golden.run(workspace)
        events.write_text(str(len(seen)))

    plain.in_child(work, scratch)
    return int(events.read_text())


def strike_at(
    golden: Golden, scratch: Path, family: str, numbers: Sequence[int], strike: Strike, expected: Sequence[int]
) -> Tally:
    """Do one run per event number, struck there, and one after it that must mend everything."""
    tally = Tally(family)
    for number in numbers:
        workspace = plain.fresh(scratch / "w")

        def work(number: int = number, workspace: Path = workspace) -> None:
            at_event(number, workspace, strike)
            golden.run(workspace)

        ended = plain.in_child(work, scratch)
        tally.count(f"event {number}", judge(golden, workspace, ended, expected, scratch))
    return tally


def crash_loop(golden: Golden, scratch: Path, step: int = 1) -> Tally:
    """Die at every `step`-th event."""
    numbers = range(1, count_events(golden, scratch) + 1, step)
    return strike_at(golden, scratch, "dies at a file-system event", numbers, die, [plain.CRASHED])


def error_loop(golden: Golden, scratch: Path, step: int = 1) -> Tally:
    """Refuse every `step`-th event with an input/output error; a run may end well where the event was a cleaning up."""
    numbers = range(1, count_events(golden, scratch) + 1, step)
    return strike_at(golden, scratch, "input/output error at an event", numbers, fail(errno.EIO), [0, 6])


def kill_loop(golden: Golden, scratch: Path, count: int = 100) -> Tally:
    """Kill a run at random moments, inside compiled code too, again and again until it is done."""
    tally, rng = Tally("killed at a random moment"), np.random.default_rng(0)
    for number in range(count):
        workspace = plain.fresh(scratch / "w")
        child = plain.start(partial(golden.run, workspace), scratch)
        time.sleep(rng.uniform(0, 1))
        os.killpg(child, signal.SIGKILL)
        ended = plain.finish(child, scratch)
        tally.count(f"kill {number}", judge(golden, workspace, ended, [-signal.SIGKILL, 0], scratch))
    return tally
