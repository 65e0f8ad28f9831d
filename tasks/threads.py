"""Number of threads of each task and of BLAS, and of the memory arenas that threads share.

The last bits of scores depend on the limit of BLAS, which holds for a whole process. Concurrent tasks in it share the
limit; tasks that need another one wait.
"""

import ctypes
import os  # noqa: TID251  # cores
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

from threadpoolctl import threadpool_limits

THREADS = 2  # of a task
M_ARENA_MAX = -8  # from malloc.h
alone = threading.Event()  # set in processes, of which there are as many as cores: their tasks compute in one thread
_changed = threading.Condition()
_users: list[int] = []  # the limit that each user needs, all equal
_limit = ExitStack()  # of the process, while it has users


def several_threads() -> ThreadPoolExecutor:
    """Return a pool of threads for work outside the interpreter."""
    return ThreadPoolExecutor(1 if alone.is_set() else THREADS)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Compute with `count` threads inside the block, regardless of the process and its concurrent tasks."""
    with _changed:
        _changed.wait_for(lambda: count in _users or not _users)
        if not _users:
            # Only the thread that set a limit can lift it. It ends with the last user, since a fork would lack it.
            holder = _limit.enter_context(ThreadPoolExecutor(1))
            limit = holder.submit(threadpool_limits, limits=count).result()
            _limit.callback(lambda: holder.submit(limit.restore_original_limits).result())
        _users.append(count)
    try:
        with threadpool_limits(limits=count):  # for libraries with a limit per thread
            yield
    finally:
        with _changed:
            _users.pop()
            if not _users:
                _limit.close()
                _changed.notify_all()


def share_memory() -> None:
    """Let Arrow use glibc, and limit glibc to one arena per core: eight would keep a quarter of all memory."""
    import pyarrow as pa  # not for --help

    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own would keep freed memory, too
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, os.cpu_count() or 1)
