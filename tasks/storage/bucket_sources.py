"""Sources in a bucket, as `tasks.storage.disk` shows them: listed, and read in ranges where they lie."""

import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.errors import UsageError
from tasks.storage import disk, objects
from tasks.storage.place import Place

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIRST, LARGEST = 64 << 10, 8 << 20  # bytes of a range: the first after a jump, and when reading on


class Ranged(io.RawIOBase):
    """An object as a file: each read asks for one range, which grows while it is read on.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """

    def __init__(self, place: Place) -> None:
        self.place, self.size, self.at, self.next, self.length = place, size_of(place), 0, 0, FIRST

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that any byte can be read next."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Read on from another byte."""
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def tell(self) -> int:
        """Return the byte that is read next."""
        return self.at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill a part of a buffer."""
        into = memoryview(buffer).cast("B")
        self.length = min(2 * self.length, LARGEST) if self.at == self.next else FIRST
        count = max(0, min(len(into), self.length, self.size - self.at))
        if count:
            into[:count] = objects.read_range(self.place, self.at, count)
        self.at = self.next = self.at + count
        return count


def local(place: Place) -> Path:
    """Refuse what needs a file of this machine.

    Raises
    ------
    UsageError
        Always.
    """
    raise UsageError(f"{place} is in a bucket, and this needs a place of this machine; name one, or copy it there.")


def is_inside(place: Place, folder: Place) -> bool:
    """Say whether a file lies below a folder."""
    return str(place).startswith(f"{folder}/")


def is_file(place: Place) -> bool:
    """Say whether there is a file."""
    return objects.size_of(place) is not None


def is_folder(place: Place) -> bool:
    """Say whether there is a folder."""
    return bool(objects.names_in(place))


def size_of(place: Place) -> int:
    """Return the size of a file in bytes."""
    size = objects.size_of(place)
    if size is None:
        raise FileNotFoundError(str(place))
    return size


def names_in(place: Place) -> list[str]:
    """Return the names of what a folder holds, sorted; of hidden files and folders none."""
    return [name for name in objects.names_in(place) if not name.startswith(".")]


def folders_in(place: Place) -> list[str]:
    """Return the names of the folders that a folder holds, sorted; of hidden ones none."""
    return [name for name in objects.folders_in(place) if not name.startswith(".")]


def matching(place: Place, pattern: str) -> list[Place]:
    """Return what lies in a folder and matches a pattern of one part, sorted."""
    return [place / name for name in names_in(place) if fnmatchcase(name, pattern)]


def expanded(place: Place) -> list[Place]:
    """Return the file or folder that has a name; where there is none, the files that match the name as a pattern."""
    return [place] if disk.exists(place) else [found for found in matching(place.parent, place.last) if is_file(found)]


def walk(place: Place) -> Iterator[disk.Listed]:
    """Yield all files below a folder, those of each folder before its subfolders, in name order."""
    listed = list(objects.below(place))
    folders = {folder for each in listed for folder in _folders_above(each.name)}
    # An empty object with the name of a folder stands for the folder, where people made one.
    names = [each.name for each in listed if each.name and not (each.size == 0 and each.name in folders)]
    for name in sorted(names, key=_as_on_disk):
        yield disk.Listed(name, "file")


def reading(place: Place) -> io.BufferedReader:
    """Open a file to read it."""
    return io.BufferedReader(Ranged(place), LARGEST)


def read_bytes(place: Place) -> bytes:
    """Return the content of a file."""
    return objects.read_range(place, 0, size_of(place))


def contents(folder: Place, names: Iterable[str], limit: int) -> Iterator[bytes | OSError]:
    """Yield the content of each of some files, at most `limit` bytes of it, or why it can't be read."""
    waiting = iter(names)
    with ThreadPoolExecutor(objects.AT_ONCE) as pool:

        def asked_for(count: int) -> Iterator[Future[bytes | OSError]]:
            return (pool.submit(_content, folder / name, limit) for name in islice(waiting, count))

        asked = deque(asked_for(2 * objects.AT_ONCE))
        while asked:
            yield asked.popleft().result()
            asked.extend(asked_for(1))


def arrow_input(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to read."""
    return pa.PythonFile(reading(place), "r")


def mapped(place: Place) -> pa.NativeFile:
    """Open a file for pyarrow to read."""
    return arrow_input(place)


def _content(place: Place, limit: int) -> bytes | OSError:
    try:
        return objects.read_range(place, 0, min(size_of(place), limit))
    except OSError as error:
        return error


def _folders_above(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def _as_on_disk(name: str) -> tuple[tuple[int, str], ...]:
    *folders, last = name.split("/")
    return (*((1, folder) for folder in folders), (0, last))
