"""Choose the store of a place: this machine, a bucket, or a workspace in a bucket."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from tasks.storage import disk
from tasks.storage.bucket import Bucket
from tasks.storage.place import Place
from tasks.storage.published import Published
from tasks.storage.store import Listed, Store


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
                    subfolders.append((real, name + "/", (*above, real)))
                else:
                    yield Listed(name, "file" if os.path.isfile(real) else "special")
            pending += reversed(subfolders)
