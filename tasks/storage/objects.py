"""Read, write, list and delete the objects of a bucket."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import StorageError, UsageError
from tasks.storage.place import IN_BUCKET, Place

if TYPE_CHECKING:
    from obstore.store import BackoffConfig, S3Config, S3Store

PATIENCE = timedelta(minutes=2)  # with a busy or unreachable store; then the task fails and is retried
BACKOFF: "BackoffConfig" = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=8), "base": 2}
AT_ONCE = 16  # small requests in flight
PART_BYTES = 16 << 20  # of an upload or a download


class Content(NamedTuple):
    """The content of an object, and the mark of its version."""

    data: bytes
    mark: str


class Stored(NamedTuple):
    """An object below a place: its relative name, its size in bytes, and the store's time of writing."""

    name: str
    size: int
    written: datetime


def read(place: Place) -> Content | None:
    """Return an object, or None if it does not exist."""
    with contextlib.suppress(FileNotFoundError), _opened(place) as (store, key):
        found = store.get(key)
        return Content(bytes(found.bytes()), str(found.meta["e_tag"]))
    return None


def write(place: Place, data: bytes | Path) -> None:
    """Write or replace an object; a large local file is uploaded in parts."""
    multipart = None if isinstance(data, Path) else False
    with _opened(place) as (store, key):
        store.put(key, data, use_multipart=multipart, chunk_size=PART_BYTES, max_concurrency=4)


def write_if(place: Place, data: bytes, mark: str | None) -> bool:
    """Write an object if its version still has this mark, or, for None, if it does not exist; return whether it did."""
    with contextlib.suppress(FileNotFoundError), _opened(place) as (store, key):  # without this version
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with contextlib.suppress(AlreadyExistsError, PreconditionError):
            store.put(key, data, mode={"e_tag": mark} if mark else "create", use_multipart=False)
            return True
    return False


def size_of(place: Place) -> int | None:
    """Return the size of an object in bytes, or None if it does not exist."""
    with contextlib.suppress(FileNotFoundError), _opened(place) as (store, key):
        return store.head(key)["size"]
    return None


def download(place: Place) -> Iterator[bytes]:
    """Yield an object in pieces; raises `FileNotFoundError`."""
    with _opened(place) as (store, key):
        yield from map(bytes, store.get(key).stream(PART_BYTES))


def read_range(place: Place, start: int, length: int) -> bytes:
    """Return `length` bytes of an object; raises `FileNotFoundError`."""
    if length == 0:
        return b""
    with _opened(place) as (store, key):
        return bytes(store.get_range(key, start=start, length=length))


def listed_in(place: Place) -> tuple[list[str], list[str]]:
    """Return the sorted names of the folders and of the objects in a folder."""
    with _opened(place) as (store, key):
        listed = store.list_with_delimiter(key or None)
    paths = listed["common_prefixes"], [entry["path"] for entry in listed["objects"]]
    folders, objects = (sorted({path.rstrip("/").rpartition("/")[2] for path in group}) for group in paths)
    return folders, objects


def below(place: Place) -> Iterator[Stored]:
    """Yield all objects below a folder."""
    with _opened(place) as (store, key):
        cut = len(key) + 1 if key else 0
        for piece in store.list(key or None):
            for entry in piece:
                yield Stored(entry["path"][cut:], entry["size"], entry["last_modified"])


def delete(places: list[Place]) -> None:
    """Delete objects with one address, as far as they exist."""
    if places:
        with _opened(places[0]) as (store, _):
            store.delete([_key(each) for each in places])


def probe(workspace: Place) -> None:
    """Raise `StorageError` unless the store can be written and honours conditional writes."""
    place = workspace / "leases" / f"probe-{uuid.uuid4().hex}"
    kept = write_if(place, b"1", None) and not write_if(place, b"2", None)
    kept = kept and not write_if(place, b"3", '"of no version"')
    delete([place])
    if not kept:
        raise StorageError(f"the store of {workspace} ignores conditions on writing (If-Match); choose another store.")


def _key(place: Place) -> str:
    return "/".join(filter(None, (place.root.removeprefix(IN_BUCKET).partition("/")[2], place.name)))


@lru_cache(maxsize=16)
def _store(address: str, endpoint: str | None) -> "S3Store":
    from obstore.store import S3Store

    # A checksum is needed: some stores keep the part of a body that arrived before the connection broke.
    config: S3Config = {"checksum_algorithm": "SHA256"}
    if endpoint:
        config["endpoint"] = endpoint
    return S3Store.from_url(
        address,
        config=config,
        client_options={"allow_http": bool(endpoint and endpoint.startswith("http://")), "timeout": PATIENCE},
        retry_config={"max_retries": 20, "retry_timeout": PATIENCE, "backoff": BACKOFF},
        credential_provider=None if "AWS_ACCESS_KEY_ID" in os.environ else _credentials(address),
    )


def _credentials(address: str) -> Any:
    """Return a provider of credentials from Amazon's usual places: profiles, files, and roles of a machine or pod."""
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider()
    except (ValueError, BotoCoreError) as error:  # no credentials, or an unknown profile
        raise StorageError(f"no credentials found for {address}; set AWS_ACCESS_KEY_ID, or a profile.") from error


@contextlib.contextmanager
def _opened(place: Place) -> Iterator[tuple["S3Store", str]]:
    """Yield the store and the key of a place; turn errors of the store into a `StorageError` of one sentence."""
    try:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
    except ImportError as missing:
        raise UsageError("for buckets, run `pip install 'cleansplit[s3]'`.") from missing
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    bucket = place.root.removeprefix(IN_BUCKET).partition("/")[0]
    try:
        yield _store(IN_BUCKET + bucket, endpoint), _key(place)
    except ValueError as error:  # for instance for a//b
        raise UsageError(f"{place} is not a valid name in a bucket; check the address.") from error
    except (BaseError, FileNotFoundError) as error:  # obstore has no class for a missing bucket or a denied listing
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError)) or "403 Forbidden" in str(error):
            raise StorageError(f"{place}: the store denies access; check the credentials and their rights.") from error
        if "NoSuchBucket" in str(error):
            raise StorageError(f"the bucket {bucket} does not exist; create it, or choose another.") from error
        if isinstance(error, FileNotFoundError):
            raise
        raise StorageError(
            f"{place}: the store does not answer, or answered with an error ({type(error).__name__}); check "
            "AWS_ENDPOINT_URL and the bucket, or try again later.",
            heals=True,
        ) from error
