"""The operations on a file or folder in any store, with defaults that need only a local copy of a file."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from tasks.storage import building, disk
from tasks.storage.place import Place

PIECE = 1 << 24  # bytes to hash at once: after each piece, a thread waits for the interpreter


class Listed(NamedTuple):
    """An entry below a folder: its relative name, and its kind: file, link or special."""

    name: str
    kind: str


class Store(Protocol):
    """A file or folder in its store."""

    place: Place

    def __init__(self, place: Place) -> None:
        self.place = place

    def local(self) -> Path:
        """Return a path for libraries that open files themselves, for an object in a bucket that of a local copy."""

    def is_file(self) -> bool:
        """Return whether it is a file."""

    def is_folder(self) -> bool:
        """Return whether it is a folder."""

    def size(self) -> int:
        """Return the size of the file in bytes; raises `FileNotFoundError`."""

    def names(self) -> list[str]:
        """Return the names in the folder, sorted, without hidden ones."""

    def files_below(self) -> list[str]:
        """Return the relative names of all files below the folder, sorted."""

    def exists(self) -> bool:
        """Return whether it is a file or folder."""
        return self.is_file() or self.is_folder()

    def folders(self) -> list[str]:
        """Return the names of the folders in the folder, sorted, without hidden ones."""
        return [name for name in self.names() if self.below(name).is_folder()]

    def below(self, name: str) -> "Store":
        """Return a file or folder below this one."""
        return type(self)(self.place / name)

    def matching(self, pattern: str) -> list[Place]:
        """Return the files and folders below this one that match a shell pattern, sorted."""
        found: list[Store] = [self]
        for part in pattern.split("/"):
            found = [each.below(name) for each in found for name in each.names() if PurePosixPath(name).match(part)]
        return sorted((each.place for each in found), key=str)

    def expanded(self) -> list[Place]:
        """Return the file or folder of this name if it exists, otherwise the files that match it as a pattern."""
        if self.exists():
            return [self.place]
        found = type(self)(self.place.parent).matching(self.place.last)
        return [place for place in found if type(self)(place).is_file()]

    def walk(self, also: str | None = None) -> Iterator[Listed]:  # noqa: ARG002  # buckets have no links
        """Yield everything below the folder except folders, in name order, files before subfolders.

        Symbolic links within the folder are followed, and those that lead below `also`, another folder; links that lead
        elsewhere, in circles or nowhere have the kind link.
        """
        ordered = sorted(self.files_below(), key=lambda name: [*((1, p) for p in name.split("/")[:-1]), (0, name)])
        yield from (Listed(name, "file") for name in ordered)  # a folder's files before its folders, as on a disk

    def is_inside(self, folder: Place) -> bool:
        """Return whether it is a folder or below it after resolving symbolic links."""
        return f"{self.place}/".startswith(f"{folder}/")

    def reading(self) -> BufferedReader:
        """Open the file to read it."""
        return self.local().open("rb")

    def read_bytes(self, limit: int | None = None) -> bytes:
        """Return the content of the file, at most `limit` bytes."""
        with open(self.local(), "rb", 0, opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG((found := os.fstat(file.fileno())).st_mode):
                return b""  # a pipe may wait, and a device has no end
            is_small = limit is None or found.st_size < limit
            # Python allocates as much memory as requested, which for a megabyte takes longer than reading.
            return file.readall()[:limit] if is_small else BufferedReader(file).read(limit)

    def read_text(self) -> str:
        """Return the content of the text file, UTF-8."""
        return self.read_bytes().decode()

    def contents(self, names: Iterable[str], limit: int) -> Iterator[bytes | OSError]:
        """Yield the contents of files in the folder, at most `limit` bytes each, or the error of reading them."""
        return (self.content(name, limit) for name in names)

    def content(self, name: str, limit: int) -> bytes | OSError:
        """Return the content of a file in the folder, at most `limit` bytes, or the error of reading it."""
        try:
            return self.below(name).read_bytes(limit)
        except OSError as error:
            return error

    def sha256(self) -> str:
        """Return the sha256 (hex) of the file."""
        digest = hashlib.sha256()
        with self.reading() as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        return digest.hexdigest()

    def link(self, target: Place) -> None:
        """Make `target` a hard link to the file, or a copy where hard links are not supported."""
        disk.make_folder(target.parent)
        try:
            os.link(self.local(), disk.path_of(target))
        except OSError as error:
            if error.errno not in disk.NO_LINK:
                raise
            self.copy(target)

    def copy(self, target: Place) -> None:
        """Copy the file."""
        disk.make_folder(target.parent)
        shutil.copyfile(self.local(), disk.path_of(target))

    def revise(self, write: Callable[[Place], object]) -> None:
        """Let `write` read the file and write its replacement, or nothing, while holding the lock."""
        with disk.storage_errors(self.place), building.locked(self.place):
            building.put(self.place, write)

    def point(self, target: str) -> None:
        """Make this name a symbolic link to another name in its folder, atomically."""
        building.put(self.place, lambda part: disk.path_of(part).symlink_to(target))

    def pointed(self) -> str | None:
        """Return the target that `point` set, or None if this is not a link."""
        return os.readlink(self.local()) if self.local().is_symlink() else None
