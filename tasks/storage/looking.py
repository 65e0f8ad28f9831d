"""Look at what is there: files, folders, their sizes and names."""

import glob
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tasks.storage.anywhere import anywhere, local
from tasks.storage.place import Place


def exists(place: Place) -> bool:
    """Say whether there is a file or folder."""
    return is_file(place) or is_folder(place) if place.in_bucket else local(place).exists()


@anywhere
def is_file(place: Place) -> bool:
    """Say whether there is a file."""
    return local(place).is_file()


@anywhere
def is_folder(place: Place) -> bool:
    """Say whether there is a folder."""
    return local(place).is_dir()


@anywhere
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


@anywhere
def names_in(place: Place) -> list[str]:
    """Return the names of what a folder holds, sorted; of hidden files and folders none."""
    return sorted(name for name in os.listdir(local(place)) if not name.startswith("."))


@anywhere
def folders_in(place: Place) -> list[str]:
    """Return the names of the folders that a folder holds, sorted; of hidden ones none."""
    return [name for name in names_in(place) if is_folder(place / name)]


@anywhere
def names_below(place: Place) -> list[str]:
    """Return the names of all files below a folder, relative to it, sorted."""
    root = local(place)
    return [path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()]


@anywhere
def matching(place: Place, pattern: str) -> list[Place]:
    """Return what lies below a folder and matches a shell pattern, sorted."""
    root = local(place)
    return [place / path.relative_to(root).as_posix() for path in sorted(root.glob(pattern))]


@anywhere
def expanded(place: Place) -> list[Place]:
    """Return the file or folder that has a name; where there is none, the files that match the name as a pattern."""
    if exists(place):
        return [place]
    return [Place(path) for path in sorted(glob.glob(str(place))) if os.path.isfile(path)]


def links_in(place: Place) -> list[str]:
    """Return the names of the symbolic links that a folder holds; none where it is missing or is no folder."""
    if not is_folder(place):
        return []
    with os.scandir(local(place)) as entries:
        return [entry.name for entry in entries if entry.is_symlink()]


@anywhere
def pointed(place: Place) -> str | None:
    """Return what `point` let a name stand for; None where it is not a link."""
    return os.readlink(local(place)) if local(place).is_symlink() else None


class Listed(NamedTuple):
    """What lies below a folder: its name relative to the folder, and whether it is a file, link or special."""

    name: str
    kind: str


@anywhere
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


def bytes_only_in(folders: Iterable[Place]) -> int:
    """Return the size of the files that have all their links in some folders: what removing the folders frees."""
    facts = [path.stat() for folder in folders for path in local(folder).rglob("*") if path.is_file()]
    links: dict[int, int] = {}
    for fact in facts:
        links[fact.st_ino] = links.get(fact.st_ino, 0) + 1
    return sum({fact.st_ino: fact.st_size for fact in facts if links[fact.st_ino] == fact.st_nlink}.values())
