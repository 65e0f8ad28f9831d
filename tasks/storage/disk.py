"""Change files of this machine, and explain its errors; `tasks.storage.stores` reads files of any store."""

import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tasks.errors import DataError, StorageError, UsageError
from tasks.storage.place import Place

NO_LINK = errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP  # errors where a file can be copied instead
SPACE_MATTERS_FROM = 64 << 20  # bytes; a full disk stops smaller work as early as this check could
HEALS = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN}  # a retry may succeed
TROUBLE = HEALS | {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG,
    errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR,
}  # fmt: skip
CLEARER = dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a file is where a folder should be") | {
    errno.ELOOP: "a symbolic link is where a file should be",
    errno.EISDIR: "a folder is where a file should be",
}


@contextlib.contextmanager
def storage_errors(place: Place) -> Iterator[None]:
    """Turn a storage error of the operating system into a `StorageError` of one sentence.

    It names the file of the original error, or else `place`.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.errno not in TROUBLE:
            raise
        where, why = (
            error.filename2 or error.filename or place,
            CLEARER.get(error.errno, os.strerror(error.errno).lower()),
        )
        said = f"cannot use {where}: {why}; fix that, or choose another source or --workspace."
        raise StorageError(said, error.errno in HEALS) from error


def path_of(place: Place) -> Path:
    """Return the path of a place on this machine; raises `UsageError` for a place in a bucket."""
    if place.in_bucket:
        raise UsageError(f"{place} is in a bucket; name a place on this machine, or copy it there.")
    return Path(str(place))


def named(place: Place) -> Path:
    """Return a path to show or to pass to a command; it cannot open an object of a bucket."""
    return Path(str(place))


def resolved(place: Place) -> Place:
    """Return the place without symbolic links in its path; buckets have none."""
    return place if place.in_bucket else Place(str(path_of(place).resolve()))


def writing(place: Place) -> BinaryIO:
    """Open a new file for writing; raises `FileExistsError`."""
    return path_of(place).open("xb")


def write_bytes(place: Place, data: bytes) -> None:
    """Write a file."""
    path_of(place).write_bytes(data)


def write_text(place: Place, text: str) -> None:
    """Write a text file, UTF-8."""
    path_of(place).write_text(text, encoding="utf-8")


def add_text(place: Place, text: str) -> None:
    """Append to a text file, UTF-8, creating it if missing; raises `UsageError` where no file can be."""
    if path_of(place).is_dir() or not path_of(place).parent.is_dir():
        raise UsageError(f"{place} is a folder, or its folder does not exist; name a file in a folder that exists.")
    with storage_errors(place), path_of(place).open("a", encoding="utf-8") as file:
        file.write(text)


def make_folder(place: Place) -> None:
    """Make a folder and its parents if missing."""
    try:
        path_of(place).mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # as below /proc
        raise StorageError(f"{place} cannot be made, since its file system takes no folders; name another.") from error


def move(source: Place, target: Place, *, keep: bool = False) -> None:
    """Move a file to a new name, or link it there to `keep` it; folders on the way below the roots are made.

    Raises `DataError` where the file or one of these folders is a link, `StorageError` for another file system.
    """
    try:
        with folder_of(source) as (here, name), folder_of(target, make=True) as (there, new):
            if not stat.S_ISREG(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "not a file")
            if keep:
                os.link(name, new, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)
            else:
                os.rename(name, new, src_dir_fd=here, dst_dir_fd=there)
    except NotADirectoryError as error:
        raise DataError(f"a symbolic link leads to {source} or {target}; put the folder or file there.") from error
    except OSError as error:
        if keep or error.errno != errno.EXDEV:
            raise
        raise StorageError(f"{target} and {source} are on different file systems; choose a nearer folder.") from error


@contextlib.contextmanager
def folder_of(place: Place, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """Open the parent folder of a place without following links below its root; yield it and the last name."""
    root, name = (place.root, place.name) if place.name else os.path.split(place.root)
    *above, last = name.split("/")
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in above:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=opened)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = below
        yield opened, last
    finally:
        os.close(opened)


def rename(place: Place, target: Place) -> None:
    """Rename a file or folder below its root."""
    with folder_of(place) as (here, name), folder_of(target) as (there, other):
        os.rename(name, other, src_dir_fd=here, dst_dir_fd=there)


def remove(place: Place) -> None:
    """Remove a file, a link, or a folder with its content, if it exists.

    The target of a link stays, even if the link appears while a folder is being removed.
    """
    with contextlib.suppress(FileNotFoundError), folder_of(place) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def forget(places: Iterable[Place], workspace: Place) -> None:
    """Remove files and folders; each is renamed first, so nobody sees one half removed."""
    for place in places:
        gone = workspace / f".gone.{uuid.uuid4().hex}"
        with contextlib.suppress(FileNotFoundError):
            rename(place, gone)
            remove(gone)


def require_space(workspace: Place, needed: int, what: str) -> None:
    """Raise `StorageError` when work needs more bytes than are free, unless it is small."""
    if workspace.published:  # buckets are unbounded, and only part of the data is on this machine at a time
        return
    free = shutil.disk_usage(path_of(workspace)).free
    if needed > max(free, SPACE_MATTERS_FROM):
        raise StorageError(
            f"{workspace} has {free / 1e6:,.0f} MB free, but {what} takes about {needed / 1e6:,.0f} MB; "
            "make room or choose another --workspace."
        )


def strange_below(place: Place) -> str | None:
    """Return the name of anything below a folder that is neither a file nor a folder, such as a link or a pipe."""
    for path in sorted(path_of(place).rglob("*")):  # follows no links
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            return path.relative_to(path_of(place)).as_posix()
    return None


def bytes_only_in(folders: Iterable[Place]) -> int:
    """Return the bytes that removing some folders frees: files with links elsewhere stay."""
    facts = [path.stat() for folder in folders for path in path_of(folder).rglob("*") if path.is_file()]
    links = Counter(fact.st_ino for fact in facts)
    return sum({fact.st_ino: fact.st_size for fact in facts if links[fact.st_ino] == fact.st_nlink}.values())
