"""Processes for the heavy work of tasks: a task hands it to one of them, and does all else where it runs.

They import what the work needs and no more, so they start in half the time that importing Prefect takes, and Prefect
knows nothing of them: a task costs the same with and without. Unlike those of Python's own pool they do not run the
script again that called us.
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
from tasks.memory import KEPT
from tasks.threads import compute_alone

P = ParamSpec("P")
T = TypeVar("T")

LOST = "A process of this run was killed, perhaps for lack of memory."
SECONDS_BETWEEN_LOOKS = 0.5
ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",  # nothing is imported from the current folder, which may be the one that is looked through
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e15",  # bytes: a process that keeps memory for its next task is not ended for it
    **KEPT,
}

_pool: ContextVar[Any] = ContextVar("processes of this flow", default=None)
_pools: set[Any] = set()  # that may have processes: at most a few, one for each thread that runs flows


@contextlib.contextmanager
def in_processes(count: int) -> Iterator[None]:
    """Let what tasks of the block do `apart` be done in so many processes; where it is, for 0.

    They start when there is something to do, and end with the block, whatever they are doing if it ends with an error.
    """
    if not count:
        yield
        return
    from loky import get_reusable_executor

    # Without psutil and pgrep it ends processes, but not theirs, which end by themselves.
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
    """End all processes, whatever they are doing, with what the system keeps for them."""
    while _pools:
        _pools.pop().shutdown(kill_workers=True)
    gc.collect()  # names of semaphores go with the last that refers to them


def apart(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a function of a module in a process of the flow, if it has any.

    Raises
    ------
    ProcessLostError
        When a process was ended from outside, this one's or another.
    """
    pool = _pool.get()
    if pool is None:
        return function(*arguments, **named)
    from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

    try:
        future = pool.submit(function, *arguments, **named)
        while not wait([future], SECONDS_BETWEEN_LOOKS).done:
            pass  # a limit of time reaches a thread between two steps in Python
        return future.result()
    except (BrokenProcessPool, ShutdownExecutorError) as error:  # the latter when the block has ended
        raise ProcessLostError(LOST) from error


def _begin(parent: int) -> None:
    """Let this process compute in one thread a task, and end when who started it is gone: it would wait forever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    compute_alone()
    atexit.register(os._exit, 0)  # last of what ends it: taking apart all modules takes a while

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
