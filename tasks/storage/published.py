"""What a workspace in a bucket holds, as `tasks.storage.disk` shows it: a published folder is its manifest.

Manifests are remembered: of one key there is never another, but for what is damaged or was removed, whose files are
then missing when they are asked for.
"""

import contextlib
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from tasks.errors import DataError, StorageError
from tasks.storage import disk, objects, scratch
from tasks.storage.manifests import unsealed
from tasks.storage.place import Place

MANIFESTS = {"stages": "manifest.json", "runs": "run.json"}  # by the first part of a name
PARTS = {"stages": 3, "runs": 2}  # of the name of a folder that is published
CONTENT = "files"
REMEMBERED = 10_000
TRIES = 20  # at changing what others change, too
Files = dict[str, dict[str, Any]]
_known: OrderedDict[Place, Files] = OrderedDict()


def content_of(workspace: Place, sha256: str) -> Place:
    """Return where a workspace keeps a content."""
    return Place(workspace.root, f"{CONTENT}/{sha256}", published=True)


def manifest_of(folder: Place) -> Place:
    """Return the manifest of a published folder."""
    return folder / MANIFESTS[folder.name.partition("/")[0]]


def remember(folder: Place, files: Files) -> None:
    """Take note of the files of a published folder: their names, bytes and sha256."""
    _known[folder] = files
    while len(_known) > REMEMBERED:
        _known.popitem(last=False)


def is_file(place: Place) -> bool:
    """Say whether there is a file."""
    folder, name = _split(place)
    if folder is None or place == manifest_of(folder):
        return objects.size_of(place) is not None
    return name in (_files(folder) or {})


def is_folder(place: Place) -> bool:
    """Say whether there is a folder that holds something."""
    folder, name = _split(place)
    if folder is None:
        return bool(objects.names_in(place))
    if not name:  # what is remembered may be gone
        return objects.size_of(manifest_of(folder)) is not None
    return any(each.startswith(f"{name}/") for each in _files(folder) or ())


def size_of(place: Place) -> int:
    """Return the size of a file in bytes."""
    if fact := _fact(place):
        return int(fact["bytes"])
    size = objects.size_of(place)
    if size is None:
        raise FileNotFoundError(str(place))
    return size


def names_in(place: Place) -> list[str]:
    """Return the names of what a folder holds, sorted."""
    folder, name = _split(place)
    if folder is None:
        return objects.names_in(place)
    return sorted({each.partition("/")[0] for each in _below(folder, name)})


def names_below(place: Place) -> list[str]:
    """Return the names of all files below a published folder, relative to it, sorted."""
    folder, name = _split(place)
    return sorted(_below(folder, name)) if folder else sorted(each.name for each in objects.below(place))


def matching(place: Place, pattern: str) -> list[Place]:
    """Return what lies below a folder and matches a pattern of as many parts, sorted."""
    found = [place]
    for part in pattern.split("/"):
        found = [each / name for each in found for name in names_in(each) if PurePosixPath(name).match(part)]
    return sorted(found, key=str)


def local(place: Place) -> Path:
    """Return a file of this machine with the content of a file; it is fetched and verified where it is not here yet.

    Raises
    ------
    FileNotFoundError
        When there is none.
    DataError
        When its content is damaged.
    """
    fact = _fact(place)
    if fact is None:
        return _whole(place)
    sha256 = str(fact["sha256"])
    return scratch.content(sha256, fact["bytes"]) or _fetched(place, sha256)


def point(place: Place, target: str) -> None:
    """Let a name stand for another beside it."""
    objects.write(place, target.encode())


def pointed(place: Place) -> str | None:
    """Return what `point` let a name stand for; None where there is none."""
    found = objects.read(place)
    return found.data.decode() if found else None


def revise(place: Place, write: Callable[[Place], object]) -> None:
    """Let `write` read an object and write what comes in its place; again where somebody else did so meanwhile."""
    for _ in range(TRIES):
        there = objects.read(place)
        with scratch.draft() as draft:
            write(draft / "new")
            if not disk.exists(draft / "new"):
                return
            data = disk.read_bytes(draft / "new")
        if objects.write_over(place, data, there.mark) if there else objects.write_new(place, data):
            return
    raise StorageError(f"{place} is changed by others all the time; try again later.", heals=True)


def _fetched(place: Place, sha256: str) -> Path:
    content = content_of(place, sha256)
    with contextlib.suppress(DataError):  # perhaps it was damaged on the way, and others need it
        return scratch.fetch(objects.download(content), sha256, str(place))
    try:
        return scratch.fetch(objects.download(content), sha256, str(place))
    except DataError:
        objects.delete([content])  # so that the next run builds it again
        raise


def _whole(place: Place) -> Path:
    """Return a small object that may change as a file of this machine."""
    found = objects.read(place)
    if found is None:
        raise FileNotFoundError(str(place))
    return scratch.fetch([found.data], hashlib.sha256(found.data).hexdigest(), str(place))


def _split(place: Place) -> tuple[Place | None, str]:
    """Return the published folder that a place lies in, and its name there."""
    parts = place.name.split("/")
    count = PARTS.get(parts[0])
    if count is None or len(parts) < count:
        return None, ""
    return Place(place.root, "/".join(parts[:count]), published=True), "/".join(parts[count:])


def _below(folder: Place, name: str) -> list[str]:
    start = f"{name}/" if name else ""
    files = [*(_files(folder) or {}), manifest_of(folder).last]
    return [each[len(start) :] for each in files if each.startswith(start)]


def _fact(place: Place) -> dict[str, Any] | None:
    """Return what a manifest says of a file, if one does."""
    folder, name = _split(place)
    return ((folder and _files(folder)) or {}).get(name)


def _files(folder: Place) -> Files | None:
    """Return the files of a published folder; None where none is published, or its manifest is damaged."""
    if folder not in _known:
        found = objects.read(manifest_of(folder))
        record = unsealed(found.data.decode(errors="replace")) if found else None
        if record is None:
            return None
        remember(folder, checked(record.get("files"), folder))
    return _known[folder]


def checked(files: Any, folder: Place) -> Files:
    """Return what a manifest says of files, as far as it can be used: it may be anybody's."""
    if isinstance(files, dict) and all(map(_is_fact, files.values())):
        return files
    raise DataError(f"{folder} was not written by cleansplit; do the run again.")


def _is_fact(fact: Any) -> bool:
    if not isinstance(fact, dict) or not isinstance(fact.get("bytes"), int):
        return False
    return re.fullmatch("[0-9a-f]{64}", str(fact.get("sha256"))) is not None
