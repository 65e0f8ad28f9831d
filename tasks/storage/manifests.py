"""Manifests of published folders as text, with a digest that reveals damage."""

import hashlib
import json
from typing import Any


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of a JSON-serializable value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def unsealed(text: str | bytes | None) -> dict[str, Any] | None:
    """Parse a manifest; return None without one, or if its digest does not match."""
    try:
        record: dict[str, Any] = json.loads(text or "")
        return record if record.pop("sha256") == digest_of(record) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def sealed(record: dict[str, Any]) -> str:
    """Return a manifest as text, including its digest."""
    return json.dumps(record | {"sha256": digest_of(record)}, indent=1, sort_keys=True) + "\n"


def is_of(record: dict[str, Any], about: dict[str, Any]) -> bool:
    """Return whether a manifest has these inputs."""
    return digest_of({name: record.get(name) for name in about}) == digest_of(about)
