"""Objects of a bucket, by their keys below an address."""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import StorageError, UsageError
from tasks.storage.place import IN_BUCKET, Place

if TYPE_CHECKING:
    from obstore.store import BackoffConfig, S3Config, S3Store

PATIENCE = timedelta(minutes=2)  # for a store that is busy or away; after that the task fails, and is tried again
BACKOFF: "BackoffConfig" = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=8), "base": 2}
AT_ONCE = 16  # small requests that wait for their answers
PART_BYTES = 16 << 20  # of an upload or a download


class Read(NamedTuple):
    """The content of an object, and the mark of this version of it."""

    data: bytes
    mark: str


class Listed(NamedTuple):
    """An object below a place: its name relative to it, its size in bytes, and when it was written, by the store."""

    name: str
    size: int
    written: datetime


def read(place: Place) -> Read | None:
    """Return an object, or None where there is none."""
    with _opened(place) as (store, key), contextlib.suppress(FileNotFoundError):
        found = store.get(key)
        return Read(bytes(found.bytes()), str(found.meta["e_tag"]))
    return None


def write(place: Place, data: bytes | Path) -> None:
    """Write an object, in place of an existing one; a large file of this machine goes in parts."""
    multipart = None if isinstance(data, Path) else False
    with _opened(place) as (store, key):
        store.put(key, data, use_multipart=multipart, chunk_size=PART_BYTES, max_concurrency=4)


def write_if(place: Place, data: bytes, mark: str | None) -> bool:
    """Write an object in place of the version with a mark, or where there is none; return False if that has changed."""
    with _opened(place) as (store, key):
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        try:
            store.put(key, data, mode={"e_tag": mark} if mark else "create", use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        except FileNotFoundError as error:  # the version, or all of the bucket
            if mark is None:
                raise StorageError(f"{place}: there is no such bucket; create it, or choose another.") from error
            return False
        return True


def size_of(place: Place) -> int | None:
    """Return the size of an object in bytes, or None where there is none."""
    with _opened(place) as (store, key), contextlib.suppress(FileNotFoundError):
        return store.head(key)["size"]
    return None


def download(place: Place) -> Iterator[bytes]:
    """Yield an object in pieces; raises `FileNotFoundError` where there is none."""
    with _opened(place) as (store, key):
        yield from map(bytes, store.get(key).stream(PART_BYTES))


def read_range(place: Place, start: int, length: int) -> bytes:
    """Return bytes of an object; raises `FileNotFoundError` where there is none."""
    if length == 0:
        return b""
    with _opened(place) as (store, key):
        return bytes(store.get_range(key, start=start, length=length))


def listed_in(place: Place) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the objects in a folder, sorted."""
    with _opened(place) as (store, key):
        listed = store.list_with_delimiter(key or None)
    paths = listed["common_prefixes"], [entry["path"] for entry in listed["objects"]]
    folders, objects = (sorted({path.rstrip("/").rpartition("/")[2] for path in group}) for group in paths)
    return folders, objects


def below(place: Place) -> Iterator[Listed]:
    """Yield all objects below a folder."""
    with _opened(place) as (store, key):
        cut = len(key) + 1 if key else 0
        for piece in store.list(key or None):
            for entry in piece:
                yield Listed(entry["path"][cut:], entry["size"], entry["last_modified"])


def delete(places: list[Place]) -> None:
    """Delete objects of one address, where they are there."""
    for place in places[:1]:
        with _opened(place) as (store, _):
            store.delete([_key(each) for each in places])


def _key(place: Place) -> str:
    prefix = place.root.removeprefix(IN_BUCKET).partition("/")[2]
    return "/".join(filter(None, (prefix, place.name)))


@lru_cache(maxsize=16)
def _store(address: str, endpoint: str | None) -> "S3Store":
    from obstore.store import S3Store

    # The store must know what it gets: some keep the part of a body that came before the connection broke.
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
    """Return what finds credentials where Amazon's own tools do: in profiles, files, roles of a machine or a pod."""
    import botocore.session
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider(botocore.session.Session())
    except ValueError as error:
        raise StorageError(f"there are no credentials for {address}; set AWS_ACCESS_KEY_ID, or a profile.") from error


@contextlib.contextmanager
def _opened(place: Place) -> Iterator[tuple["S3Store", str]]:
    """Yield the store and the key of a place; an error of the store becomes a `StorageError` of one sentence."""
    try:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
    except ImportError as missing:
        raise UsageError("for buckets, install cleansplit with its extra: pip install 'cleansplit[s3]'.") from missing
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    bucket = place.root.removeprefix(IN_BUCKET).partition("/")[0]
    try:
        yield _store(IN_BUCKET + bucket, endpoint), _key(place)
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise StorageError(f"{place}: the store denies access; check the credentials and their rights.") from error
    except ValueError as error:  # as of a//b
        raise UsageError(f"{place} can't be the name of anything in a bucket; check the address.") from error
    except BaseError as error:
        raise StorageError(
            f"{place}: the store does not answer as it should ({type(error).__name__}); check AWS_ENDPOINT_URL and "
            "the bucket, or try again later.",
            heals=True,
        ) from error
