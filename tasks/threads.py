"""How many threads compute: those of a task, and those of BLAS, on which the last bits of scores depend.

The limit of BLAS holds for a whole process. Tasks that run side by side in one share it; those that need another one
wait.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


class _Holder(threading.Thread):
    """Sets the limit and lifts it: threadpoolctl lets only the thread that set a limit change it."""

    def __init__(self, count: int) -> None:
        super().__init__(daemon=True)
        self.count, self.holds, self.done = count, threading.Event(), threading.Event()

    def run(self) -> None:
        with threadpool_limits(limits=self.count):
            self.holds.set()
            self.done.wait()


class _Shared:
    """The limit that is in force in this process, and how many use it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.count, self.users = 0, 0
        self.holder: _Holder | None = None


_shared = _Shared()


_alone = False


def compute_alone() -> None:
    """Let each task of this process compute in its own thread: there are as many processes as cores."""
    global _alone
    _alone = True


def of_task(wanted: int) -> int:
    """Return how many of so many threads a task may start for work outside of the interpreter."""
    return 1 if _alone else wanted


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Compute with `count` threads inside the block, whatever the process and its concurrent tasks."""
    with _shared.changed:
        _shared.changed.wait_for(lambda: not _shared.users or _shared.count == count)
        if not _shared.users:
            _shared.count, _shared.holder = count, _Holder(count)
            _shared.holder.start()
            _shared.holder.holds.wait()
        _shared.users += 1
    try:
        with threadpool_limits(limits=count):  # of libraries that have a limit per thread
            yield
    finally:
        with _shared.changed:
            _shared.users -= 1
            if not _shared.users and _shared.holder is not None:
                _shared.holder.done.set()
                _shared.holder.join()
                _shared.changed.notify_all()
