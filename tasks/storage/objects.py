"""Objects of a bucket, by their keys below an address."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import StorageError, UsageError
from tasks.storage.place import IN_BUCKET, Place

try:
    import obstore
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
    )
    from obstore.store import S3Store
except ImportError as missing:
    raise UsageError("for buckets, install cleansplit with its extra: pip install 'cleansplit[s3]'.") from missing

if TYPE_CHECKING:
    from obstore.store import BackoffConfig, S3Config

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
    with _named(place):
        try:
            found = obstore.get(*_at(place))
            return Read(bytes(found.bytes()), str(found.meta["e_tag"]))
        except FileNotFoundError:
            return None


def write(place: Place, data: bytes) -> None:
    """Write an object, in place of one that is there."""
    with _named(place):
        obstore.put(*_at(place), data, use_multipart=False)


def write_new(place: Place, data: bytes) -> bool:
    """Write an object where there is none; return False where there is one."""
    return _write_if(place, data, "create")


def write_over(place: Place, data: bytes, mark: str) -> bool:
    """Write an object in place of a version of it; return False where there is another by now."""
    return _write_if(place, data, {"e_tag": mark})


def _write_if(place: Place, data: bytes, mode: Any) -> bool:
    with _named(place):
        try:
            obstore.put(*_at(place), data, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        except FileNotFoundError as error:  # the version, or all of the bucket
            if mode == "create":
                raise StorageError(f"{place}: there is no such bucket; create it, or choose another.") from error
            return False
        return True


def size_of(place: Place) -> int | None:
    """Return the size of an object in bytes, or None where there is none."""
    with _named(place):
        try:
            return obstore.head(*_at(place))["size"]
        except FileNotFoundError:
            return None


def sizes_of(places: Sequence[Place]) -> list[int | None]:
    """Return the sizes of objects in bytes, None for each that is not there."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(size_of, places))


def upload(source: Path, place: Place) -> None:
    """Write a file of this machine as an object."""
    with _named(place):
        obstore.put(*_at(place), source, chunk_size=PART_BYTES, max_concurrency=4)


def download(place: Place) -> Iterator[bytes]:
    """Yield an object in pieces.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    with _named(place):
        yield from map(bytes, obstore.get(*_at(place)).stream(PART_BYTES))


def read_range(place: Place, start: int, length: int) -> bytes:
    """Return bytes of an object.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    if length == 0:
        return b""
    with _named(place):
        return bytes(obstore.get_range(*_at(place), start=start, length=length))


def names_in(place: Place) -> list[str]:
    """Return the names of the objects in a folder, and of the folders in it, sorted."""
    with _named(place):
        listed = obstore.list_with_delimiter(*_listed(place))
    return _last([*listed["common_prefixes"], *(entry["path"] for entry in listed["objects"])])


def folders_in(place: Place) -> list[str]:
    """Return the names of the folders in a folder, sorted."""
    with _named(place):
        return _last(obstore.list_with_delimiter(*_listed(place))["common_prefixes"])


def _last(paths: Iterable[str]) -> list[str]:
    return sorted({path.rstrip("/").rpartition("/")[2] for path in paths})


def below(place: Place) -> Iterator[Listed]:
    """Yield all objects below a folder."""
    cut = len(_at(place)[1]) + 1 if _at(place)[1] else 0
    with _named(place):
        for piece in obstore.list(*_listed(place)):
            for entry in piece:
                yield Listed(entry["path"][cut:], entry["size"], entry["last_modified"])


def delete(places: list[Place]) -> None:
    """Delete objects of one address, where they are there."""
    for place in places[:1]:
        with _named(place):
            obstore.delete(_at(place)[0], [_at(each)[1] for each in places])


def _at(place: Place) -> tuple[S3Store, str]:
    bucket, _, prefix = place.root.removeprefix(IN_BUCKET).partition("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return _store(IN_BUCKET + bucket, endpoint), "/".join(filter(None, (prefix, place.name)))


def _listed(place: Place) -> tuple[S3Store, str | None]:
    store, key = _at(place)
    return store, key or None


@lru_cache(maxsize=16)
def _store(address: str, endpoint: str | None) -> S3Store:
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
def _named(place: Place) -> Iterator[None]:
    """Turn an error of the store into a `StorageError` with a message of one sentence."""
    try:
        yield
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
