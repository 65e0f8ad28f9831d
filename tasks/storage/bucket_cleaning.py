"""Check the abilities of an object store, and remove unused folders from a workspace in it."""

import uuid
from collections.abc import Iterable

from tasks.errors import StorageError
from tasks.storage import Place, objects
from tasks.storage.leases import require_leases
from tasks.storage.manifests import unsealed
from tasks.storage.published import CONTENT, MANIFESTS, checked, content_of, manifest_of


def probe(workspace: Place) -> None:
    """Raise `StorageError` unless the store can be written and honours conditional writes."""
    place = workspace / "leases" / f"probe-{uuid.uuid4().hex}"
    kept = objects.write_if(place, b"1", None) and not objects.write_if(place, b"2", None)
    kept = kept and not objects.write_if(place, b"3", '"of no version"')
    objects.delete([place])
    if not kept:
        raise StorageError(
            f"the store of {workspace} ignores conditions on writing (If-None-Match, If-Match), so runs could "
            "overwrite each other; choose another store."
        )


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
        for name in (each.name for each in objects.below(workspace / kind)):
            if name.rpartition("/")[2] != manifest:
                continue
            there = objects.read(workspace / kind / name)
            record = unsealed(there.data.decode(errors="replace")) if there else None
            if record is None:
                raise StorageError(f"{workspace / kind / name} is damaged; delete it, and run clean again.")
            found |= {fact["sha256"] for fact in checked(record.get("files"), workspace / kind / name).values()}
    return found
