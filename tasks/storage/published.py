"""A workspace in a bucket, where the manifest defines a published folder.

Manifests are cached. The manifest of a key changes only after damage or removal; its files are then missing when they
are read.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from tasks.errors import DataError, StorageError
from tasks.storage import objects, scratch
from tasks.storage.leases import require_leases
from tasks.storage.manifests import unsealed
from tasks.storage.place import Place
from tasks.storage.store import Store

# The manifest of a published folder, and the number of parts of its name, by the first part of its name.
MANIFESTS = dict.fromkeys(("stages", "benchmarks", "references"), "manifest.json") | {"runs": "run.json"}
PARTS = {"stages": 3, "benchmarks": 2, "references": 4, "runs": 2}
CONTENT = "files"
TRIES = 20  # at a change that others may make, too
FileFacts = dict[str, dict[str, Any]]
known_files: dict[Place, FileFacts] = {}  # of published folders: their cached manifests


class Published(Store):
    """A file or folder of a workspace in a bucket; its files are read from local copies."""

    def local(self) -> Path:
        """Return a local file with the content, fetching and verifying it if missing.

        Raises `FileNotFoundError` when it does not exist, `DataError` when its content is damaged.
        """
        if fact := self._fact():
            return scratch.content(fact["sha256"], fact["bytes"]) or self._fetched(fact["sha256"])
        found = objects.read(self.place)  # a small object that may change, so it is not cached
        if found is None:
            raise FileNotFoundError(str(self.place))
        return scratch.fetch([found.data], hashlib.sha256(found.data).hexdigest(), str(self.place))

    def is_file(self) -> bool:
        folder, name = _split(self.place)
        if folder is None or self.place == manifest_of(folder):
            return objects.size_of(self.place) is not None
        return name in (_files(folder) or {})

    def is_folder(self) -> bool:
        folder, name = _split(self.place)
        if folder is None:
            return any(objects.listed_in(self.place))
        if not name:  # the cached manifest may have been removed
            return objects.size_of(manifest_of(folder)) is not None
        return any(each.startswith(f"{name}/") for each in _files(folder) or ())

    def size(self) -> int:
        fact = self._fact()
        size = fact["bytes"] if fact else objects.size_of(self.place)
        if size is None:
            raise FileNotFoundError(str(self.place))
        return int(size)

    def names(self) -> list[str]:
        if _split(self.place)[0] is None:
            return sorted({*chain(*objects.listed_in(self.place))})
        return sorted({each.partition("/")[0] for each in self.files_below()})

    def files_below(self) -> list[str]:
        folder, name = _split(self.place)
        if folder is None:
            return sorted(each.name for each in objects.below(self.place))
        start = f"{name}/" if name else ""
        files = [*(_files(folder) or {}), manifest_of(folder).last]
        return sorted(each[len(start) :] for each in files if each.startswith(start))

    def point(self, target: str) -> None:
        objects.write(self.place, target.encode())

    def pointed(self) -> str | None:
        found = objects.read(self.place)
        return found.data.decode() if found else None

    def revise(self, write: Callable[[Place], object]) -> None:
        """Let `write` read the object and write its replacement; repeat if somebody else changed it meanwhile."""
        for _ in range(TRIES):
            there = objects.read(self.place)
            with scratch.draft() as draft:
                write(draft / "new")
                part = Path(str(draft / "new"))
                if not part.exists():
                    return
                data = part.read_bytes()
            if objects.write_if(self.place, data, there and there.mark):
                return
        raise StorageError(f"others keep changing {self.place}; try again later.", heals=True)

    def _fact(self) -> dict[str, Any] | None:
        folder, name = _split(self.place)
        return ((folder and _files(folder)) or {}).get(name)

    def _fetched(self, sha256: str) -> Path:
        content = content_of(self.place, sha256)
        with contextlib.suppress(DataError):  # it may have been damaged on the way
            return scratch.fetch(objects.download(content), sha256, str(self.place))
        try:
            return scratch.fetch(objects.download(content), sha256, str(self.place))
        except DataError:
            objects.delete([content])  # so that the next run rebuilds it
            raise


def content_of(workspace: Place, sha256: str) -> Place:
    """Return the place where a workspace keeps a content."""
    return Place(workspace.root, f"{CONTENT}/{sha256}", published=True)


def manifest_of(folder: Place) -> Place:
    """Return the manifest of a published folder."""
    return folder / MANIFESTS[folder.name.partition("/")[0]]


def checked(files: Any, folder: Place) -> FileFacts:
    """Return the files of an untrusted manifest; raises `DataError` for an unusable entry."""
    facts: list[Any] = [*files.values()] if isinstance(files, dict) else [None]
    if all(isinstance(fact, dict) and isinstance(fact.get("bytes"), int) for fact in facts) and all(
        re.fullmatch("[0-9a-f]{64}", str(fact.get("sha256"))) for fact in facts
    ):
        return dict(files)
    raise DataError(f"{folder} was not written by cleansplit; do the run again.")


def remove(workspace: Place, folders: Iterable[Place]) -> int:
    """Remove published folders and the content that no remaining manifest names; return the freed bytes.

    The caller holds a lease that excludes others. Raises `StorageError` when that lease has expired.
    """
    require_leases(workspace)
    objects.delete(list(map(manifest_of, folders)))
    needed = _needed(workspace)
    spare = [each for each in objects.below(workspace / CONTENT) if each.name not in needed]
    require_leases(workspace)
    objects.delete([content_of(workspace, each.name) for each in spare])
    return sum(each.size for each in spare)


def _needed(workspace: Place) -> set[str]:
    """Return the digests that manifests name; raises `StorageError` for an unreadable manifest."""
    found: set[str] = set()
    for kind, manifest in MANIFESTS.items():
        named = (workspace / kind / each.name for each in objects.below(workspace / kind))
        for place in (place for place in named if place.last == manifest):
            there = objects.read(place)
            record = unsealed(there and there.data)
            if record is None:
                raise StorageError(f"{place} is damaged; delete it, and run clean again.")
            found |= {fact["sha256"] for fact in checked(record.get("files"), place).values()}
    return found


def _split(place: Place) -> tuple[Place | None, str]:
    """Return the published folder that contains a place, and the name of the place in it."""
    parts = place.name.split("/")
    count = PARTS.get(parts[0])
    if count is None or len(parts) < count:
        return None, ""
    return Place(place.root, "/".join(parts[:count]), published=True), "/".join(parts[count:])


def _files(folder: Place) -> FileFacts | None:
    """Return the files of a published folder; None if it is not published, or its manifest is damaged."""
    if folder not in known_files:
        found = objects.read(manifest_of(folder))
        record = unsealed(found and found.data)
        if record is None:
            return None
        known_files[folder] = checked(record.get("files"), folder)
    return known_files[folder]
