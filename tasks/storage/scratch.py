"""A local folder for files of a bucket by content, bounded in bytes, and for unfinished work.

All processes of a machine may share it: files appear in it complete, under the sha256 of their content.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock

from tasks.errors import DataError, number_set
from tasks.storage.place import Place
from tasks.storage.started import absolute

FOLDER, LIMIT = "CLEANSPLIT_SCRATCH", "CLEANSPLIT_SCRATCH_GB"
USUAL_LIMIT = 20.0  # GB
IN_USE_SECONDS = 600  # a file read within this time is not removed
ABANDONED_SECONDS = 24 * 3600  # unfinished work that is older than this belongs to a dead process


def folder() -> Path:
    """Return the folder, creating it if missing."""
    named = os.environ.get(FOLDER) or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "cleansplit")
    found = Path(absolute(named))
    for part in ("files", "building", "locks"):
        (found / part).mkdir(parents=True, exist_ok=True)
    return found


def content(sha256: str, size: int) -> Path | None:
    """Return the local file of a content, if there is one."""
    path = folder() / "files" / sha256
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size == size:  # it is truncated if the machine lost power
            os.utime(path)
            return path
    return None


def fetch(pieces: Iterable[bytes], sha256: str, name: str) -> Path:
    """Store a content that arrives in pieces; raises `DataError` when its digest differs."""
    path, part = folder() / "files" / sha256, folder() / "building" / uuid.uuid4().hex
    digest = hashlib.sha256()
    try:
        with part.open("xb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != sha256:
            raise DataError(f"{name} is damaged; run the same command again to rebuild it.")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _make_room()
    return path


def keep(path: Path, sha256: str) -> None:
    """Store a local file."""
    path.replace(folder() / "files" / sha256)


@contextlib.contextmanager
def draft() -> Iterator[Place]:
    """Let the block build a folder, which is removed at its end."""
    _make_room()
    with tempfile.TemporaryDirectory(dir=folder() / "building", ignore_cleanup_errors=True) as building:
        yield Place(building)


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Let one process of this machine build something at a time; other machines may build it at the same time."""
    with FileLock(folder() / "locks" / hashlib.sha256(name.encode()).hexdigest()[:32]):
        yield


def _make_room() -> None:
    """Remove the least recently used files until the rest is within the limit."""
    limit, now = number_set(LIMIT, USUAL_LIMIT) * 1e9, time.time()
    for left in folder().joinpath("building").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if now - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
    known = []
    for path in folder().joinpath("files").iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process makes room, too
            known.append((path.stat().st_mtime, path.stat().st_size, path))
    held = sum(size for _, size, _ in known)
    for used, size, path in sorted(known):
        if held <= limit or now - used < IN_USE_SECONDS:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        held -= size
