"""Leases on a workspace in a bucket: each user renews an object; without renewal it counts as dead.

Runs share a workspace; a cleaning excludes them. A run writes its lease before it looks for a cleaning, and a cleaning
writes its own before it looks for runs, so at least one of two that start together sees the other. Ages come from the
clock of the store. An owner stops if it cannot renew its lease within `VALID`. Others wait for `SLACK` more, which is
longer than any request takes.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Literal

from tasks.errors import CleanSplitError, StorageError
from tasks.storage import Place, objects

RENEWED = 60.0  # seconds
VALID, SLACK = timedelta(minutes=10), timedelta(minutes=5)
_renewed: dict[Place, float] = {}  # wall time of the last renewal: this clock goes on while the machine sleeps


@contextlib.contextmanager
def lease(workspace: Place, who: Literal["run", "cleaning"]) -> Iterator[tuple[bool, Callable[[], None]]]:
    """Use a workspace in the block; yield like `building.held`. Raises `StorageError` while it is being cleaned."""
    own, ended = workspace / "leases" / f"{who}-{uuid.uuid4().hex}", threading.Event()
    _renew(own)
    renewing = threading.Thread(target=_keep, args=(own, ended), daemon=True)
    renewing.start()
    try:
        leases = {each.name: each.written for each in objects.below(workspace / "leases")}
        now = leases.pop(own.last)
        others = {name.partition("-")[0] for name, at in leases.items() if now - at < VALID + SLACK}
        if "cleaning" in others:
            raise StorageError(f"{workspace} is being cleaned; try again in a few minutes.", heals=True)
        yield "run" not in others, lambda: None  # a lease is shared already
    finally:
        ended.set()
        renewing.join()
        del _renewed[own]
        with contextlib.suppress(CleanSplitError):
            objects.delete([own])


def require_leases(workspace: Place) -> None:
    """Raise `StorageError` when this process could not renew its lease on a workspace in time."""
    if any(own.root == workspace.root and _is_over(at) for own, at in list(_renewed.items())):
        raise StorageError(
            f"{workspace.root} could not be reached in time to renew the lease of this run, so it may have been "
            "cleaned; run the same command again."
        )


def _keep(own: Place, ended: threading.Event) -> None:
    while not ended.wait(RENEWED) and not _is_over(_renewed[own]):
        with contextlib.suppress(Exception):  # the next attempt may succeed, whatever the error
            _renew(own)


def _renew(own: Place) -> None:
    started = time.time()
    objects.write(own, b"")
    _renewed[own] = started


def _is_over(renewed: float) -> bool:
    return time.time() - renewed > VALID.total_seconds()
