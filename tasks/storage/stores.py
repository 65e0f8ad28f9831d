"""Choose the store of a place: this machine, a bucket, or a workspace in a bucket."""

import glob
import io
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.storage import disk, objects
from tasks.storage.place import Place
from tasks.storage.published import Published
from tasks.storage.store import Listed, Store

FIRST, LARGEST = 64 << 10, 8 << 20  # bytes of a range: after a jump, and when reading sequentially
MOST_VISITS = 100  # of a folder by links: links to folders with links could lead to it any number of times


def at(place: Place) -> Store:
    """Return the file or folder at a place, in its store."""
    if not place.in_bucket:
        return Disk(place)
    return Published(place) if place.published else Bucket(place)


class Disk(Store):
    """A file or folder of this machine."""

    def local(self) -> Path:
        return Path(str(self.place))

    def is_file(self) -> bool:
        return self.local().is_file()

    def is_folder(self) -> bool:
        return self.local().is_dir()

    def exists(self) -> bool:
        return self.local().exists()

    def size(self) -> int:
        return self.local().stat().st_size

    def names(self) -> list[str]:
        return sorted(name for name in os.listdir(self.local()) if not name.startswith("."))

    def files_below(self) -> list[str]:
        root = self.local()
        return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]

    def matching(self, pattern: str) -> list[Place]:
        root = self.local()
        return [self.place / path.relative_to(root).as_posix() for path in sorted(root.glob(pattern))]

    def expanded(self) -> list[Place]:
        if self.exists():
            return [self.place]
        return [Place(path) for path in sorted(glob.glob(str(self.place))) if os.path.isfile(path)]

    def is_inside(self, folder: Place) -> bool:
        return not folder.in_bucket and self.local().resolve().is_relative_to(disk.path_of(folder).resolve())

    def walk(self, also: str | None = None) -> Iterator[Listed]:
        top = os.path.realpath(self.local())
        allowed = tuple(os.path.join(os.path.realpath(folder), "") for folder in filter(None, (top, also)))
        pending: list[tuple[str, str, tuple[str, ...]]] = [(top, "", (top,))]
        visits = Counter[str]()
        while pending:
            folder, below, above = pending.pop()
            subfolders: list[tuple[str, str, tuple[str, ...]]] = []
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
            for entry in listed:
                name, real = below + entry.name, entry.path
                if entry.is_symlink():
                    real = os.path.realpath(entry.path)
                    if not real.startswith(allowed) or real in above or not os.path.exists(real):
                        yield Listed(name, "link")
                        continue
                if os.path.isdir(real):
                    visits[real] += 1
                    if visits[real] > MOST_VISITS:
                        yield Listed(name, "link")
                    else:
                        subfolders.append((real, name + "/", (*above, real)))
                else:
                    yield Listed(name, "file" if os.path.isfile(real) else "special")
            pending += reversed(subfolders)


class Bucket(Store):
    """An object of a bucket, or the objects below the name of a folder, which are read without a local copy."""

    def local(self) -> Path:
        return disk.path_of(self.place)  # raises

    def is_file(self) -> bool:
        return objects.size_of(self.place) is not None

    def is_folder(self) -> bool:
        return any(objects.listed_in(self.place))

    def size(self) -> int:
        size = objects.size_of(self.place)
        if size is None:
            raise FileNotFoundError(str(self.place))
        return size

    def names(self) -> list[str]:
        folders, files = objects.listed_in(self.place)
        return sorted(name for name in {*folders, *files} if not name.startswith("."))

    def folders(self) -> list[str]:
        return [name for name in objects.listed_in(self.place)[0] if not name.startswith(".")]

    def files_below(self) -> list[str]:
        listed = list(objects.below(self.place))
        folders = {str(folder) for each in listed for folder in PurePosixPath(each.name).parents}
        # Some tools mark a folder by an empty object with its name.
        return sorted(each.name for each in listed if each.name and not (each.size == 0 and each.name in folders))

    def reading(self) -> io.BufferedReader:
        return io.BufferedReader(_Ranges(self.place, self.size()), LARGEST)

    def read_bytes(self, limit: int | None = None) -> bytes:
        return objects.read_range(self.place, 0, self.size() if limit is None else min(self.size(), limit))

    def contents(self, names: Iterable[str], limit: int) -> Iterator[bytes | OSError]:
        waiting = iter(names)
        with ThreadPoolExecutor(objects.AT_ONCE) as pool:
            asked = deque(pool.submit(self.content, name, limit) for name in islice(waiting, 2 * objects.AT_ONCE))
            while asked:
                yield asked.popleft().result()
                asked.extend(pool.submit(self.content, name, limit) for name in islice(waiting, 1))


class _Ranges(io.RawIOBase):
    """An object as a file; sequential reads request ever larger ranges."""

    def __init__(self, place: Place, size: int) -> None:
        self.place, self.size, self.at, self.next, self.length = place, size, 0, 0, FIRST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def readinto(self, buffer: Any, /) -> int:
        into = memoryview(buffer).cast("B")
        self.length = min(2 * self.length, LARGEST) if self.at == self.next else FIRST
        count = max(0, min(len(into), self.length, self.size - self.at))
        if count:
            into[:count] = objects.read_range(self.place, self.at, count)
        self.at = self.next = self.at + count
        return count
