"""Worker processes for the heavy work of tasks; the rest of a task runs in its own thread.

They import only what the work needs, so they start in half the time that importing Prefect takes, and Prefect does not
know them: a task costs the same with and without. Unlike the processes of Python's pool, they do not run the calling
script again.
"""

import atexit
import contextlib
import gc
import os  # noqa: TID251  # processes
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from tasks.errors import ProcessLostError
from tasks.threads import alone, share_memory

P = ParamSpec("P")
T = TypeVar("T")

LOST = "A process of this run was killed, perhaps for lack of memory."
SECONDS_BETWEEN_LOOKS = 0.5
ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",  # no imports from the current folder, which may be an untrusted data set
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e15",  # bytes: do not end processes that keep memory for their next task
    # Reusing the memory of one image for the next saves a tenth of the time.
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}

_pool: ContextVar[Any] = ContextVar("processes of this flow", default=None)
_pools: set[Any] = set()  # pools with live processes: at most one per thread that runs flows


@contextlib.contextmanager
def in_processes(count: int) -> Iterator[None]:
    """Let `in_worker` use this many processes in the block; with 0, it stays in its thread.

    Processes start on first use and end with the block; an error ends them in the middle of their work.
    """
    if not count:
        yield
        return
    from loky import get_reusable_executor

    # Without psutil and pgrep it kills processes, but not their children, which end by themselves.
    warnings.filterwarnings("ignore", "Failed to kill subprocesses")
    pool = get_reusable_executor(count, env=ENVIRONMENT, initializer=_begin, initargs=(os.getpid(),))
    token, finished = _pool.set(pool), False
    _pools.add(pool)
    try:
        yield
        finished = True
    finally:
        _pool.reset(token)
        _pools.discard(pool)
        pool.shutdown(kill_workers=not finished)


def end_processes() -> None:
    """Kill all processes and release their system resources."""
    while _pools:
        _pools.pop().shutdown(kill_workers=True)
    gc.collect()  # removes the semaphores, whose names live as long as any reference


def in_worker(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a function of a module in a worker process of the flow, if it has any.

    Raises `ProcessLostError` when this or another worker process was killed.
    """
    pool = _pool.get()
    if pool is None:
        return function(*arguments, **named)
    from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

    try:
        future = pool.submit(function, *arguments, **named)
        while not wait([future], SECONDS_BETWEEN_LOOKS).done:
            pass  # so that a time limit, which interrupts only Python code, can reach this thread
        return future.result()
    except (BrokenProcessPool, ShutdownExecutorError) as error:  # the latter after the block has ended
        raise ProcessLostError(LOST) from error


def _begin(parent: int) -> None:
    """Compute in one thread, and end when the parent process is gone, rather than wait forever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    alone.set()
    share_memory()
    atexit.register(os._exit, 0)  # runs last at exit, and skips the slow unloading of modules

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
