"""What a published folder says of itself: the digests of its files, and what its builder returned."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tasks.storage import disk
from tasks.storage.place import Place

MANIFEST = "manifest.json"
DIGESTS = "digests"  # of files that a builder has computed itself, sha256 (hex) by name: it may return them, too
Build = Callable[[Place], dict[str, Any]]  # writes files into a folder and returns what serializes to JSON


@dataclass(frozen=True)
class Stage:
    """A published folder: where it lies, what its builder returned, and whether it was there before."""

    folder: Place
    result: dict[str, Any]
    reused: bool


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON-serializable value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_manifest(place: Place) -> dict[str, Any] | None:
    """Return a manifest; None when it is missing or is not as it was written."""
    try:
        return unsealed(disk.read_text(place))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None


def unsealed(text: str) -> dict[str, Any] | None:
    """Return the manifest that a text is; None when it is not as it was written."""
    try:
        record: dict[str, Any] = json.loads(text)
        return record if record.pop("sha256") == digest_of(record) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def sealed(record: dict[str, Any]) -> str:
    """Return a manifest as text, with the digest by which damage to it is noticed."""
    return json.dumps(record | {"sha256": digest_of(record)}, indent=1, sort_keys=True) + "\n"


def is_of(record: dict[str, Any], about: dict[str, Any]) -> bool:
    """Say whether a manifest is of what has some inputs."""
    return digest_of({name: record.get(name) for name in about}) == digest_of(about)


def built(build: Build, draft: Place) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Build a folder; return the result and the facts of each file."""
    result = build(draft)
    known = result.pop(DIGESTS, {})
    files = {
        name: {"bytes": disk.size_of(draft / name), "sha256": known.get(name) or disk.sha256_of(draft / name)}
        for name in disk.names_below(draft)
    }
    # As it will be read back, the order of keys included: what is reused must equal what is built.
    return json.loads(json.dumps(result, sort_keys=True)), files
