"""Write, move and remove files of this machine; `tasks.storage.stores` reads files wherever they are."""

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

import pyarrow as pa

from tasks.errors import StorageError, UsageError
from tasks.storage.errors import storage_errors
from tasks.storage.place import Place

SPACE_MATTERS_FROM = 64 << 20  # bytes; below it, a full disk is reported as early as an estimate could be


def path_of(place: Place) -> Path:
    """Return the path of a place of this machine; raises `UsageError` when the place is in a bucket."""
    if place.in_bucket:
        raise UsageError(f"{place} is in a bucket, and this needs a place of this machine; name one, or copy it there.")
    return Path(str(place))


def named(place: Place) -> Path:
    """Return a path that can be shown and given to a command; what is in a bucket can't be opened by it."""
    return Path(str(place))


def resolved(place: Place) -> Place:
    """Return a place without symbolic links in its path; a bucket has none."""
    return place if place.in_bucket else Place(str(path_of(place).resolve()))


def writing(place: Place) -> BinaryIO:
    """Open a new file to write it; an existing one is an error."""
    return path_of(place).open("xb")


def arrow_output(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to write."""
    return pa.OSFile(str(path_of(place)), "wb")


def write_bytes(place: Place, data: bytes) -> None:
    """Write a file."""
    path_of(place).write_bytes(data)


def write_text(place: Place, text: str) -> None:
    """Write a text file, UTF-8."""
    path_of(place).write_text(text, encoding="utf-8")


def add_text(place: Place, text: str) -> None:
    """Add to a text file, UTF-8; it is made where it is missing."""
    with storage_errors(place), path_of(place).open("a", encoding="utf-8") as file:
        file.write(text)


def make_folder(place: Place) -> None:
    """Make a folder and those above it, where they are missing."""
    path_of(place).mkdir(parents=True, exist_ok=True)


def move(source: Place, target: Place) -> None:
    """Move a file within its file system; raises `StorageError` when the target is on another one."""
    try:
        path_of(source).rename(path_of(target))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise StorageError(
            f"{target.parent} is on another file system than {source}; choose a folder beside the source."
        ) from error


@contextlib.contextmanager
def folder_of(place: Place) -> Iterator[tuple[int, str]]:
    """Open the folder that holds a place, from its root on without following links; yield it, and the last name."""
    root, name = (place.root, place.name) if place.name else os.path.split(place.root)
    *above, last = name.split("/")
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in above:
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
    """Remove a file, a link, or a folder with all that it holds, where it is there.

    What a link leads to stays, even if the link is put in its place meanwhile.
    """
    with contextlib.suppress(FileNotFoundError), folder_of(place) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def forget(places: Iterable[Place], workspace: Place) -> None:
    """Remove files and folders; each is renamed first, so none is ever seen half removed."""
    for place in places:
        gone = workspace / f".gone.{uuid.uuid4().hex}"
        with contextlib.suppress(FileNotFoundError):
            rename(place, gone)
            remove(gone)


def require_space(workspace: Place, needed: int, what: str) -> None:
    """Refuse to start large work that needs more bytes than are free; raises `StorageError` with both numbers."""
    if workspace.published:  # a bucket has no end, and this machine holds a part of it at a time
        return
    free = shutil.disk_usage(path_of(workspace)).free
    if needed > max(free, SPACE_MATTERS_FROM):
        raise StorageError(
            f"{workspace} has {free / 1e6:,.0f} MB free, and {what} takes about {needed / 1e6:,.0f} MB; "
            "make room or choose another --workspace."
        )


def links_in(place: Place) -> list[str]:
    """Return the names of the symbolic links in a folder; none where the folder is missing."""
    if not path_of(place).is_dir():
        return []
    return [path.name for path in path_of(place).iterdir() if path.is_symlink()]


def strange_below(place: Place) -> str | None:
    """Return the name of something below a folder that is neither a file nor a folder, such as a link or a pipe."""
    pending = [path_of(place)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif not entry.is_file(follow_symlinks=False):
                    return Path(entry.path).relative_to(path_of(place)).as_posix()
    return None


def bytes_only_in(folders: Iterable[Place]) -> int:
    """Return the size of the files that have all their links in some folders: the bytes that removing them frees."""
    facts = [path.stat() for folder in folders for path in path_of(folder).rglob("*") if path.is_file()]
    links = Counter(fact.st_ino for fact in facts)
    return sum({fact.st_ino: fact.st_size for fact in facts if links[fact.st_ino] == fact.st_nlink}.values())
