"""Processes for the heavy work of tasks: a task hands it to one of them, and does all else where it runs.

They import what the work needs and no more, so they start in half the time that importing Prefect takes, and Prefect
knows nothing of them: a task costs the same with and without.
"""

import atexit
import contextlib
import ctypes
import multiprocessing
import os  # noqa: TID251  # how a process ends
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar

from tasks.errors import ProcessLostError
from tasks.threads import compute_alone

P = ParamSpec("P")
T = TypeVar("T")

SECONDS_BETWEEN_STEPS = 0.5
LOST = "A process of this run was killed, perhaps for lack of memory."
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT, LARGEST = 128 << 20, 32 << 20  # bytes

_pool: ContextVar[ProcessPoolExecutor | None] = ContextVar("processes of this flow", default=None)


@contextlib.contextmanager
def in_processes(count: int) -> Iterator[None]:
    """Let what tasks of the block do `apart` be done in so many processes; where it is, for 0.

    When the block ends with an error, they end, whatever they are doing.
    """
    if not count:
        yield
        return
    spawn = multiprocessing.get_context("spawn")
    theirs, ours = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, spawn, _begin, (theirs,))
    token = _pool.set(pool)
    with theirs, ours:
        try:
            yield
        except BaseException:
            ours.close()
            raise
        finally:
            _pool.reset(token)
            pool.shutdown(cancel_futures=True)


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
    try:
        future = pool.submit(function, *arguments, **named)
    except (BrokenProcessPool, BrokenPipeError) as error:  # the latter when killed before it was told what to do
        raise ProcessLostError(LOST) from error
    while not wait([future], SECONDS_BETWEEN_STEPS).done:
        pass  # a limit of time reaches a thread between two steps in Python
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise ProcessLostError(LOST) from error


def _begin(connection: Connection) -> None:
    """Let this process compute in one thread a task, and end as soon as nobody holds the other end of a connection.

    When who started it was killed, it would wait forever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    _keep_memory()
    compute_alone()
    atexit.register(os._exit, 0)  # last of what ends it: taking apart all modules takes a while

    def watch() -> None:
        connection.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep_memory() -> None:
    """Let glibc keep the memory of one picture for the next: giving it back and taking it again costs a tenth."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT)
