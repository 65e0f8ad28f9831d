"""Stop at once on Ctrl-C and SIGTERM: published results stay, unfinished ones are removed, the next run resumes.

Prefect waits for every submitted task, which can take minutes. It also replaces our handler for SIGTERM, so we rely on
`signal.set_wakeup_fd`: Python writes the number of each signal to it, whichever handler is set.
"""

import contextlib
import contextvars
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

from tasks.processes import end_processes
from tasks.storage import building, started, workspace

SECONDS_FOR_EACH = 3  # to notify Prefect, and to end processes
WORDS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}

_flow: contextvars.Context | None = None  # context of the outermost flow of this process
stopping = threading.Event()
cancelled = contextvars.ContextVar[threading.Event | None]("set when the flow is cancelled", default=None)
commanding = threading.Event()  # set while signals end this process


def stop_at_once() -> None:
    """Let Ctrl-C and SIGTERM end this process and its children within seconds from now on."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    commanding.set()
    for number in WORDS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()


def stop_as_usual() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` and SIGTERM end this process from now on, where no work is unfinished."""
    commanding.clear()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def is_of_a_run() -> bool:
    """Return whether this process exists only for a run: of a command, or of a deployment."""
    from prefect.runtime import deployment

    return commanding.is_set() or bool(deployment.id)


@contextlib.contextmanager
def told_when_stopped() -> Iterator[None]:
    """Show the flow of this block and its subflows as cancelled when the process is stopped."""
    global _flow
    before, _flow = _flow, _flow or contextvars.copy_context()
    try:
        yield
    finally:
        _flow = before


def stay_until_stopped() -> None:
    """Wait for the thread that ends this process, if there is one."""
    if stopping.is_set():
        time.sleep(3 * SECONDS_FOR_EACH)


def _watch(reading: int) -> None:
    while True:
        for number in os.read(reading, 16):
            if number in WORDS:
                end(WORDS[number], 128 + number, partial(_tell_prefect, f"The run was {WORDS[number]}."))


def end(reason: str, code: int, tell: Callable[[], object] | None = None) -> None:
    """End this process and its children with one sentence; `tell` is called in the context of the flow that runs."""
    stopping.set()
    try:
        with contextlib.suppress(OSError):  # a worker that has died does not read it
            print(f"\ncleansplit: {reason}; run the same command again to resume.", file=sys.stderr, flush=True)
        if _flow is not None and tell is not None:
            _in_time(partial(_flow.copy().run, tell))
        _in_time(end_processes)
        _end_children()
        building.drop_unfinished()
        workspace.sweep_held()
    finally:
        started.remove_own()
        os._exit(code)


def _in_time(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(SECONDS_FOR_EACH)


def _tell_prefect(message: str) -> None:
    from prefect.runtime import flow_run
    from prefect.states import Cancelled

    from flows.engine.closing import close_unfinished

    with contextlib.suppress(Exception):  # the server may have ended
        close_unfinished(UUID(str(flow_run.id)), Cancelled(message=message))


def _end_children() -> None:
    """Kill the processes of the pool and Prefect's temporary server, which would keep running."""
    children = {child.pid for child in multiprocessing.active_children() if child.pid}
    for path in Path("/proc/self/task").glob("*/children"):  # Linux; elsewhere only the processes of the pool are known
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended
            children |= {int(pid) for pid in path.read_text().split()}
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
