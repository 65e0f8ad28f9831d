"""The only module that touches a file system; what lies in a bucket is asked of `tasks.storage.bucket`.

A folder is built next to its final place and committed in one step. POSIX only: locks are `flock`'s, and folders are
synced.
"""

import contextlib
import errno
import fcntl
import glob
import hashlib
import importlib
import os
import shutil
import stat
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Concatenate, NamedTuple, ParamSpec, TypeVar

import pyarrow as pa
from filelock import FileLock, Timeout

from tasks.errors import StorageError
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place

BUILDING, LOCK = "building", "lock"  # of the hidden neighbours of a folder that is being built
_unfinished: set[Place] = set()
_starting = threading.Lock()
P = ParamSpec("P")
R = TypeVar("R")


def _anywhere(function: Callable[Concatenate[Place, P], R]) -> Callable[Concatenate[Place, P], R]:
    """Let a function be asked for what lies in a bucket, too: by its counterpart there, or through `local`."""

    def asked(place: Place, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not place.in_bucket:
            return function(place, *args, **kwargs)
        module = importlib.import_module(f"tasks.storage.bucket.{'published' if place.published else 'sources'}")
        found: R = getattr(module, function.__name__, function)(place, *args, **kwargs)
        return found

    asked.__name__, asked.__doc__ = function.__name__, function.__doc__
    return asked


@_anywhere
def local(place: Place) -> Path:
    """Return a path for libraries that open files themselves; of a file in a bucket, that of a copy."""
    return Path(str(place))


def named(place: Place) -> Path:
    """Return a path that can be shown and given to a command; what is in a bucket can't be opened by it."""
    return Path(str(place))


@_anywhere
def resolved(place: Place) -> Place:
    """Return a place without symbolic links in its path."""
    return Place(str(local(place).resolve()))


@_anywhere
def is_inside(place: Place, folder: Place) -> bool:
    """Say whether a file lies below a folder when every symbolic link on the way is followed."""
    return local(place).resolve().is_relative_to(local(folder).resolve())


@_anywhere
def exists(place: Place) -> bool:
    """Say whether there is a file or folder."""
    return local(place).exists()


@_anywhere
def is_file(place: Place) -> bool:
    """Say whether there is a file."""
    return local(place).is_file()


@_anywhere
def is_folder(place: Place) -> bool:
    """Say whether there is a folder."""
    return local(place).is_dir()


@_anywhere
def size_of(place: Place) -> int:
    """Return the size of a file in bytes."""
    return local(place).stat().st_size


def total_bytes(place: Place) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    return size_of(place) if is_file(place) else sum(size_of(place / name) for name in names_below(place))


def is_open_to_all(place: Place) -> bool:
    """Say whether every user of the machine can write to a folder."""
    return bool(local(place).stat().st_mode & stat.S_IWOTH)


def free_bytes(place: Place) -> int:
    """Return the bytes that are free where a folder lies."""
    return shutil.disk_usage(local(place)).free


@_anywhere
def names_in(place: Place) -> list[str]:
    """Return the names of what a folder holds, sorted; of hidden files and folders none."""
    return sorted(name for name in os.listdir(local(place)) if not name.startswith("."))


@_anywhere
def folders_in(place: Place) -> list[str]:
    """Return the names of the folders that a folder holds, sorted; of hidden ones none."""
    return [name for name in names_in(place) if is_folder(place / name)]


@_anywhere
def names_below(place: Place) -> list[str]:
    """Return the names of all files below a folder, relative to it, sorted."""
    root = local(place)
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]


@_anywhere
def matching(place: Place, pattern: str) -> list[Place]:
    """Return what lies below a folder and matches a shell pattern, sorted."""
    root = local(place)
    return [place / path.relative_to(root).as_posix() for path in sorted(root.glob(pattern))]


@_anywhere
def expanded(place: Place) -> list[Place]:
    """Return the file or folder that has a name; where there is none, the files that match the name as a pattern."""
    if exists(place):
        return [place]
    return [Place(path) for path in sorted(glob.glob(str(place))) if os.path.isfile(path)]


class Listed(NamedTuple):
    """What lies below a folder: its name relative to the folder, and whether it is a file, link or special."""

    name: str
    kind: str


@_anywhere
def walk(place: Place) -> Iterator[Listed]:
    """Yield all that lies below a folder and is no folder, the files of a folder first, in name order.

    Symbolic links are followed to what lies inside the folder; those that lead out, in circles or nowhere are of kind
    link.
    """
    top = os.path.realpath(local(place))
    pending: list[tuple[str, str, tuple[str, ...]]] = [(top, "", (top,))]
    while pending:
        folder, below, above = pending.pop()
        subfolders: list[tuple[str, str, tuple[str, ...]]] = []
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            name, real = below + entry.name, entry.path
            if entry.is_symlink():
                real = os.path.realpath(entry.path)
                if not real.startswith(top + os.sep) or real in above or not os.path.exists(real):
                    yield Listed(name, "link")
                    continue
            if os.path.isdir(real):
                subfolders.append((real, name + "/", (*above, real)))
            else:
                yield Listed(name, "file" if os.path.isfile(real) else "special")
        pending += reversed(subfolders)


def strange_below(place: Place) -> str | None:
    """Return the name of something below a folder that is neither a file nor a folder, as links and pipes are."""
    pending = [local(place)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    return Path(entry.path).relative_to(local(place)).as_posix()
    return None


@_anywhere
def read_bytes(place: Place) -> bytes:
    """Return the content of a file."""
    return local(place).read_bytes()


@_anywhere
def contents(folder: Place, names: Iterable[str], limit: int) -> Iterator[bytes | OSError]:
    """Yield the content of each of some files, at most `limit` bytes of it, or why it can't be read."""
    for name in names:
        try:
            with reading(folder / name) as file:
                yield file.read(limit)
        except OSError as error:
            yield error


def read_pieces(place: Place, size: int, numbers: Iterable[int]) -> Iterator[bytes]:
    """Read pieces of equal size from a file, by their numbers."""
    with reading(place) as file:
        for number in numbers:
            file.seek(number * size)
            yield file.read(size)


@_anywhere
def read_text(place: Place) -> str:
    """Return the content of a text file, UTF-8."""
    return local(place).read_text(encoding="utf-8")


@_anywhere
def reading(place: Place) -> BufferedReader:
    """Open a file to read it."""
    return local(place).open("rb")


def writing(place: Place) -> BinaryIO:
    """Open a new file to write it; one that is there is an error."""
    return local(place).open("xb")


def writing_over(place: Place) -> BinaryIO:
    """Open a file to write it anew, with the rights that the umask leaves."""
    local(place).unlink(missing_ok=True)
    return local(place).open("xb")


@_anywhere
def arrow_input(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to read."""
    return pa.OSFile(str(local(place)), "rb")


@_anywhere
def mapped(place: Place) -> pa.NativeFile:
    """Map a file into memory for pyarrow to read."""
    return pa.memory_map(str(local(place)), "r")


def arrow_output(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to write."""
    return pa.OSFile(str(local(place)), "wb")


def write_bytes(place: Place, data: bytes) -> None:
    """Write a file."""
    local(place).write_bytes(data)


def write_text(place: Place, text: str) -> None:
    """Write a text file, UTF-8."""
    local(place).write_text(text, encoding="utf-8")


def add_text(place: Place, text: str) -> None:
    """Add to a text file, UTF-8; it is made where it is missing."""
    with storage_errors(place), local(place).open("a", encoding="utf-8") as file:
        file.write(text)


def sha256_of(place: Place) -> str:
    """Return the sha256 (hex) of a file."""
    with reading(place) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(place: Place) -> None:
    """Make a folder and those above it, where they are missing."""
    local(place).mkdir(parents=True, exist_ok=True)


def link(source: Place, target: Place) -> None:
    """Make `target` the same file as `source`, or a copy of it where hard links don't work."""
    make_folder(target.parent)
    try:
        os.link(local(source), local(target))
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        shutil.copyfile(local(source), local(target))


def copy(source: Place, target: Place) -> None:
    """Copy a file."""
    make_folder(target.parent)
    shutil.copyfile(local(source), local(target))


def move(source: Place, target: Place) -> None:
    """Give a file another place on the same file system.

    Raises
    ------
    StorageError
        When that is on another one, where moving is copying and deleting.
    """
    try:
        local(source).rename(local(target))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise StorageError(
            f"{target.parent} is on another file system than {source}; choose a folder beside the source."
        ) from error


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


@_anywhere
def revise(place: Place, write: Callable[[Place], object]) -> None:
    """Let `write` read a file and write what comes in its place, with nobody else in between; or write nothing."""
    with storage_errors(place), locked(place):
        put(place, write)


@_anywhere
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


def remove(place: Place) -> None:
    """Remove a file, or a folder with all that it holds, where it is there."""
    path = local(place)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def forget(places: Iterable[Place], workspace: Place) -> None:
    """Remove files and folders; each folder is renamed first, so none is ever seen half removed."""
    for place in places:
        if is_folder(place) and not local(place).is_symlink():
            gone = workspace / f".gone.{uuid.uuid4().hex}"
            local(place).rename(local(gone))
            remove(gone)
        else:
            remove(place)


def bytes_only_in(folders: Iterable[Place]) -> int:
    """Return the size of the files that have all their links in some folders: what removing the folders frees."""
    facts = [path.stat() for folder in folders for path in local(folder).rglob("*") if path.is_file()]
    links: dict[int, int] = {}
    for fact in facts:
        links[fact.st_ino] = links.get(fact.st_ino, 0) + 1
    return sum({fact.st_ino: fact.st_size for fact in facts if links[fact.st_ino] == fact.st_nlink}.values())


@contextlib.contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the exclusive lock for building a place; the system releases it when the process dies."""
    make_folder(place.parent)
    with FileLock(local(_neighbour(place, LOCK))):
        yield


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
        local(building).rename(local(folder))
        _sync(local(folder.parent))
    except BaseException:
        shutil.rmtree(local(building), ignore_errors=True)
        raise
    finally:
        _unfinished.discard(building)


def drop_unfinished() -> None:
    """Remove what this process is building, just before it ends, and keep it from starting anything new."""
    _starting.acquire()
    for folder in list(_unfinished):
        shutil.rmtree(local(folder), ignore_errors=True)


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
            shutil.rmtree(local(building), ignore_errors=True)


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


def _neighbour(place: Place, kind: str) -> Place:
    return place.beside(f".{place.last}.{kind}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
