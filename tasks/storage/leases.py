"""Who uses a workspace in a bucket: an object for each run, renewed while it lasts; else its owner is dead.

Runs share a workspace; a cleaning needs it for itself. A run writes its lease before it looks for a cleaning, and a
cleaning writes its own before it looks for runs. So of two that start together at least one sees the other. The store's
own clock gives the ages. An owner that could not renew its lease within `VALID` ends. Others wait for `SLACK` more,
which is longer than a request takes.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from tasks.errors import CleanSplitError, StorageError
from tasks.storage import objects
from tasks.storage.place import Place

RENEWED = 60.0  # seconds
VALID, SLACK = timedelta(minutes=10), timedelta(minutes=5)
_renewed: dict[Place, float] = {}  # when leases of this process were, by a clock that goes on while a machine sleeps


@contextlib.contextmanager
def lease(workspace: Place, who: Literal["run", "cleaning"]) -> Iterator[bool]:
    """Use a workspace while the block runs; yield whether runs do; raises `StorageError` when it is being cleaned."""
    own, ended = workspace / "leases" / f"{who}-{uuid.uuid4().hex}", threading.Event()
    _renew(own)
    renewing = threading.Thread(target=_keep, args=(own, ended), daemon=True)
    renewing.start()
    try:
        leases = {each.name: each.written for each in objects.below(workspace / "leases")}
        now = leases.pop(own.last)
        others = {name.partition("-")[0] for name, at in leases.items() if now - at < VALID + SLACK}
        if "cleaning" in others:
            raise StorageError(f"{workspace} is being cleaned; try again in some minutes.", heals=True)
        yield "run" in others
    finally:
        ended.set()
        renewing.join()
        del _renewed[own]
        with contextlib.suppress(CleanSplitError):
            objects.delete([own])


def require_leases(workspace: Place) -> None:
    """Raise `StorageError` when a lease of this process on a workspace could not be renewed in time."""
    if any(own.root == workspace.root and _is_over(at) for own, at in list(_renewed.items())):
        raise StorageError(
            f"{workspace.root} could not be reached in time to renew the lease of this run, and may have been cleaned "
            "since then; run the same command again."
        )


def _keep(own: Place, ended: threading.Event) -> None:
    while not ended.wait(RENEWED) and not _is_over(_renewed[own]):
        with contextlib.suppress(Exception):  # whatever it was, the next try may do
            _renew(own)


def _renew(own: Place) -> None:
    started = time.time()
    objects.write(own, b"")
    _renewed[own] = started


def _is_over(renewed: float) -> bool:
    return time.time() - renewed > VALID.total_seconds()
