"""Put files and folders in their place in one step, with locks: a folder is built beside it and renamed.

POSIX only: locks are `flock`'s, and folders are synced.
"""

import contextlib
import fcntl
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.storage.anywhere import anywhere, local
from tasks.storage.errors import storage_errors
from tasks.storage.files import folder_of, make_folder, remove, rename
from tasks.storage.looking import exists, matching
from tasks.storage.place import Place

BUILDING, LOCK = "building", "lock"  # of the hidden neighbours of a folder that is being built
_unfinished: set[Place] = set()
_starting = threading.Lock()


@contextlib.contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the exclusive lock for building a place; the system releases it when the process dies."""
    make_folder(place.parent)
    with FileLock(local(_neighbour(place, LOCK))):
        yield


def put(target: Place, write: Callable[[Place], object]) -> None:
    """Let `write` write a temporary file, sync it and rename it: a reader sees all of it, or the previous file."""
    part = target.beside(f".{target.last}.{uuid.uuid4().hex}.part")
    with storage_errors(target):
        try:
            write(part)
            if exists(part):
                _sync(local(part))
                local(part).replace(local(target))
        finally:
            local(part).unlink(missing_ok=True)


@anywhere
def revise(place: Place, write: Callable[[Place], object]) -> None:
    """Let `write` read a file and write what comes in its place, with nobody else in between; or write nothing."""
    with storage_errors(place), locked(place):
        put(place, write)


@anywhere
def point(link_at: Place, target: str) -> None:
    """Let a symbolic link point to a name beside it, in one step."""
    path = local(link_at)
    if path.is_symlink() and os.readlink(path) == target:
        return
    with storage_errors(link_at):
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(path)


@contextlib.contextmanager
def draft(folder: Place, exclusive: bool) -> Iterator[Place]:
    """Build a folder beside its place; when the block ends well it is renamed, otherwise it is removed.

    Parameters
    ----------
    folder : Place
    exclusive : bool
        Whether the caller holds the lock of the place (`locked`). Only then is a folder that is there replaced, since
        it is damaged, and is what was built synced. An export, which can be made again, replaces nothing.
    """
    building = _neighbour(folder, BUILDING)
    remove(building)
    with _starting:
        local(building).mkdir()
        _unfinished.add(building)
    try:
        yield building
        if exclusive:
            for path in [*local(building).rglob("*"), local(building)]:
                _sync(path)
            remove(folder)
        rename(building, folder)
        with folder_of(folder) as (above, _):
            os.fsync(above)
    except BaseException:
        _drop(building)
        raise
    finally:
        _unfinished.discard(building)


def drop_unfinished() -> None:
    """Remove what this process is building, just before it ends, and keep it from starting anything new."""
    _starting.acquire()
    for folder in list(_unfinished):
        _drop(folder)


def sweep(folder: Place, patience: float = 0) -> None:
    """Remove what dead processes were building in a folder; those who live hold a lock.

    Parameters
    ----------
    folder : Place
    patience : float
        Seconds to wait for each lock, for processes that are just ending.
    """
    for building in matching(folder, f".*.{BUILDING}"):
        lock = FileLock(local(building.beside(building.last.removesuffix(BUILDING) + LOCK)))
        with contextlib.suppress(Timeout), lock.acquire(timeout=patience):
            _drop(building)


def lock_of(place: Place) -> Place:
    """Return the lock file of a folder that was built."""
    return _neighbour(place, LOCK)


@contextlib.contextmanager
def held(place: Place) -> Iterator[tuple[bool, Callable[[], None]]]:
    """Hold a lock file for as long as the block runs; yield whether it is exclusive, and a function that shares it."""
    # In a folder that others can write, the name may be a link to what is none of theirs.
    descriptor = os.open(local(place), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        yield alone, lambda: fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def probe(folder: Place) -> None:
    """Try once, with one byte, every operation that storing needs."""
    path = local(folder / f".probe.{uuid.uuid4().hex}")
    moved = path.with_suffix(".moved")
    try:
        with path.open("xb") as file:
            file.write(b"x")
        _sync(path)
        path.replace(moved)
    finally:
        path.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)


def _drop(building: Place) -> None:
    """Remove what was being built, as far as that goes."""
    with contextlib.suppress(OSError):
        remove(building)


def _neighbour(place: Place, kind: str) -> Place:
    return place.beside(f".{place.last}.{kind}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
