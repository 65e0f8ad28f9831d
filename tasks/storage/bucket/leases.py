"""Who uses a workspace in a bucket: an object for each run, renewed while it lasts; else its owner is dead.

A run writes its lease before it looks for a cleaning, and a cleaning its own before it looks for runs, so that of two
that start together at least one sees the other. Ages are told by the store's own clock.
"""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from tasks.errors import CleanSplitError
from tasks.storage.bucket import objects
from tasks.storage.place import Place

Who = Literal["run", "cleaning"]
RENEWED = 60.0  # seconds
VALID = timedelta(minutes=10)


@contextlib.contextmanager
def lease(workspace: Place, who: Who) -> Iterator[list[Who]]:
    """Use a workspace for as long as the block runs; yield who else does."""
    own, ended = workspace / "leases" / f"{who}-{uuid.uuid4().hex}", threading.Event()
    objects.write(own, b"")
    renewing = threading.Thread(target=_renew, args=(own, ended), daemon=True)
    renewing.start()
    try:
        yield _others(workspace, own)
    finally:
        ended.set()
        renewing.join()
        with contextlib.suppress(CleanSplitError):
            objects.delete([own])


def _renew(own: Place, ended: threading.Event) -> None:
    while not ended.wait(RENEWED):
        with contextlib.suppress(CleanSplitError):  # the store may be away for a while
            objects.write(own, b"")


def _others(workspace: Place, own: Place) -> list[Who]:
    leases = {each.name: each.written for each in objects.below(workspace / "leases")}
    now = leases.pop(own.last)
    return ["run" if name.startswith("run-") else "cleaning" for name, at in leases.items() if now - at < VALID]
