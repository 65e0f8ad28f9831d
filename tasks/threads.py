"""How many threads compute: those of a task, and those of BLAS, on which the last bits of scores depend.

The limit of BLAS holds for a whole process. Tasks that run side by side in one share it; those that need another one
wait.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from threadpoolctl import threadpool_limits

_alone = threading.Event()
_changed = threading.Condition()
_users: list[int] = []  # the limit that each of them needs: all the same
_limit = ExitStack()  # of the process, as long as it is used


def compute_alone() -> None:
    """Let each task of this process compute in its own thread: there are as many processes as cores."""
    _alone.set()


def of_task(wanted: int) -> int:
    """Return how many of so many threads a task may start for work outside of the interpreter."""
    return 1 if _alone.is_set() else wanted


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Compute with `count` threads inside the block, whatever the process and its concurrent tasks."""
    with _changed:
        _changed.wait_for(lambda: count in _users or not _users)
        if not _users:
            # Only the thread that set a limit can lift it. It ends with the last user: a fork would not have it.
            holder = _limit.enter_context(ThreadPoolExecutor(1))
            limit = holder.submit(threadpool_limits, limits=count).result()
            _limit.callback(lambda: holder.submit(limit.restore_original_limits).result())
        _users.append(count)
    try:
        with threadpool_limits(limits=count):  # of libraries that have a limit per thread
            yield
    finally:
        with _changed:
            _users.pop()
            if not _users:
                _limit.close()
                _changed.notify_all()
