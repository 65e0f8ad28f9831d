"""Publish files and folders atomically, under locks: build a hidden neighbour, then rename it."""

import contextlib
import fcntl
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import UsageError
from tasks.storage.disk import make_folder, path_of, remove, rename, storage_errors
from tasks.storage.place import Place

BUILDING = "building"  # suffix of the hidden neighbour
AT_ONCE = 16  # files to sync: the system writes them together, in the time of one
_unfinished: set[Place] = set()
_starting = threading.Lock()


@contextlib.contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the exclusive lock of a place; the system releases it when the process dies."""
    make_folder(place.parent)
    with FileLock(path_of(lock_of(place))):
        yield


def put(target: Place, write: Callable[[Place], object]) -> None:
    """Let `write` write a temporary file, sync it and rename it: readers see the new file or the previous one."""
    part = target.parent / f".{target.last}.{uuid.uuid4().hex}.part"
    path = path_of(part)
    with storage_errors(target):
        try:
            write(part)
            if path.exists():
                _sync(path)
                path.replace(path_of(target))
        finally:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def draft(folder: Place, exclusive: bool) -> Iterator[Place]:
    """Build a folder under a hidden name; rename it when the block succeeds, otherwise remove it.

    With `exclusive`, the caller holds the lock of the place (`locked`): the new folder is synced and replaces an
    existing one, which is damaged. An export can be made again, so it replaces nothing: raises `UsageError`.
    """
    if not exclusive:
        refuse_existing(folder)
    building = folder.parent / f".{folder.last}.{BUILDING}"
    make_folder(folder.parent)
    remove(building)
    with _starting:
        path_of(building).mkdir()
        _unfinished.add(building)
    try:
        yield building
        if exclusive:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(_sync, [*path_of(building).rglob("*"), path_of(building)]))
            remove(folder)
        rename(building, folder)
        _sync(path_of(folder.parent))
    finally:
        _drop(building)  # unless it was renamed
        _unfinished.discard(building)


def refuse_existing(folder: Place) -> None:
    """Raise `UsageError` if a folder to write exists."""
    if os.path.lexists(path_of(folder)):
        raise UsageError(f"{folder} already exists; choose another folder.")


def drop_unfinished() -> None:
    """Remove the unfinished folders of this process, which is about to end, and prevent new ones."""
    _starting.acquire()
    for folder in list(_unfinished):
        _drop(folder)


def sweep(folder: Place, patience: float = 0) -> None:
    """Remove unfinished folders of dead processes; live ones hold a lock.

    `patience` is the time in seconds to wait for each lock, for processes that are about to end.
    """
    for path in sorted(path_of(folder).glob(f".*.{BUILDING}")):
        built = path.name.removeprefix(".").removesuffix(f".{BUILDING}")
        with contextlib.suppress(Timeout), FileLock(path_of(lock_of(folder / built))).acquire(timeout=patience):
            _drop(folder / path.name)


def lock_of(place: Place) -> Place:
    """Return the lock file of a built folder."""
    return place.parent / f".{place.last}.lock"


@contextlib.contextmanager
def held(place: Place) -> Iterator[tuple[bool, Callable[[], None]]]:
    """Hold a lock file while the block runs; yield whether it is exclusive, and a function that shares it."""
    # Others may write to the folder, so the path may be a symlink planted by another user.
    with os.fdopen(os.open(path_of(place), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "rb+") as file:
        alone = False
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        yield alone, lambda: fcntl.flock(file, fcntl.LOCK_SH)


def _drop(building: Place) -> None:
    with contextlib.suppress(OSError):
        remove(building)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
