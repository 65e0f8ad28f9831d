"""Download archives over HTTP: verified, atomically, only after changes, and within limits of bytes and of time."""

import contextlib
import hashlib
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from tasks.addresses import public_name
from tasks.errors import DataError, SourceUnavailableError
from tasks.sources.packed import packing_of
from tasks.sources.tables import is_parquet
from tasks.sources.zips import is_zip
from tasks.storage import Place, at, building, disk

T = TypeVar("T")
TIMEOUT_SECONDS, SECONDS_BETWEEN_CHECKS = 30, 0.5
MAX_REDIRECTS = 10
LARGEST, LONGEST_SECONDS = 256 << 30, 48 * 3600  # bytes and time of an archive
SLOWEST, PATIENCE_SECONDS = 1024, 60  # minimum bytes a second, after the first minute
MAY_HEAL = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class PublishedFile:
    """An immutable file: its name, its sha256, and the addresses of folders that contain it."""

    name: str
    sha256: str
    mirrors: tuple[str, ...]


def download_published(file: PublishedFile, folder: Place) -> Place:
    """Download a published file from the first mirror that has it, unless it is cached.

    Raises `SourceUnavailableError` when no mirror can be reached, `DataError` when none has the published file.
    """
    target, problems = folder / file.name, list[DataError]()
    if at(target).is_file() and at(target).sha256() == file.sha256:
        return target
    disk.make_folder(folder)
    for mirror in file.mirrors:
        try:
            building.put(target, partial(_fetch_published, mirror + file.name, file.sha256))
        except DataError as error:
            problems.append(error)
        else:
            return target
    raise next((problem for problem in problems if isinstance(problem, SourceUnavailableError)), problems[0])


def download(url: str, folder: Place) -> Place:
    """Download an archive; a copy is reused while the server returns the same validators for it."""

    def ask(_: Transfer) -> tuple[bool, list[str | None]]:
        with answered("HEAD", url) as answer:
            return answer.ok, [answer.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length")]

    try:
        found, validators = within_limits(url, ask)
    except (requests.RequestException, ValueError) as error:
        raise SourceUnavailableError(f"{public_name(url)} could not be reached ({type(error).__name__}).") from error
    known = found and any(validators[:2])
    version = hashlib.sha256(repr((url, validators)).encode()).hexdigest()[:16]
    target = folder / f"{version}-{PurePosixPath(urlsplit(url).path).name or 'archive'}"
    if known and at(target).exists():  # without validators the copy may be outdated
        return target
    disk.make_folder(folder)
    building.put(target, partial(_fetch_archive, url))
    return target


def _fetch_published(url: str, sha256: str, part: Place) -> None:
    _fetch(url, part)
    if at(part).sha256() != sha256:
        raise DataError(f"{public_name(url)} is not the published file: its sha256 differs.")


def _fetch_archive(url: str, part: Place) -> None:
    _fetch(url, part)
    if not (packing_of(part) or is_zip(part) or tarfile.is_tarfile(at(part).local()) or is_parquet(part)):
        start = at(part).read_bytes(16)
        raise DataError(
            f"{public_name(url)} is neither an archive nor Parquet: it starts with {start!r}; check the address."
        )


def _fetch(url: str, part: Place) -> None:
    """Write the body of an address to a new file; a compressed body is stored as it arrives."""

    def write(transfer: Transfer) -> None:
        with answered("GET", url) as answer:
            if not answer.ok:
                kind = SourceUnavailableError if answer.status_code in MAY_HEAL else DataError
                check = "name and password" if answer.status_code in (401, 403) else "address or try again later"
                raise kind(f"{public_name(url)} answered with status {answer.status_code}; check the {check}.")
            stated = answer.headers.get("Content-Length", "")
            length = int(stated) if stated.isdecimal() else None
            shown = tqdm(total=length, unit="B", unit_scale=True, leave=False, disable=not sys.stderr.isatty())
            with shown, disk.writing(part) as out:
                while piece := answer.raw.read1(1 << 20):  # the bytes that arrived, without waiting for more
                    transfer.add(len(piece))
                    out.write(piece)
                    shown.update(len(piece))

    try:
        within_limits(url, write)
    except (requests.RequestException, HTTPError) as error:
        raise SourceUnavailableError(f"{public_name(url)} broke off ({type(error).__name__}); try again.") from None


class Transfer:
    """The bytes that an address has sent, and the time since its start."""

    def __init__(self, url: str) -> None:
        self.name, self.begin, self.bytes = public_name(url), time.monotonic(), 0

    def add(self, count: int) -> None:
        """Count bytes; raises `DataError` when there are too many, `SourceUnavailableError` when they come slowly."""
        self.bytes += count
        seconds = time.monotonic() - self.begin
        if self.bytes > LARGEST:
            raise DataError(f"{self.name} does not end: it sent more than {LARGEST >> 30} GiB.")
        if seconds > PATIENCE_SECONDS and self.bytes < SLOWEST * seconds:
            raise SourceUnavailableError(f"{self.name} sends less than {SLOWEST:,} bytes a second; try again later.")
        if seconds > LONGEST_SECONDS:
            raise SourceUnavailableError(f"{self.name} takes more than {LONGEST_SECONDS:,} seconds; try again later.")


def within_limits(url: str, work: Callable[[Transfer], T]) -> T:
    """Do work that waits for a server in a thread; return its result, or raise its error or one of `Transfer.add`.

    A server can be slow within a header, where no bytes are counted. The thread then ends with the next bytes.
    """
    transfer, result = Transfer(url), Future[T]()

    def run() -> None:
        try:
            result.set_result(work(transfer))
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    while not wait([result], SECONDS_BETWEEN_CHECKS).done:
        transfer.add(0)
    return result.result()


class _Session(requests.Session):
    """Follows no redirect: requests would read the whole body of each."""

    def get_redirect_target(self, resp: object) -> None:
        """Return no address."""


@contextlib.contextmanager
def answered(method: str, url: str) -> Iterator[requests.Response]:
    """Ask an address and follow its redirects, whose bodies stay unread; other bodies keep their compression."""
    with _Session() as session:
        session.headers["Accept-Encoding"] = "identity"
        for _ in range(MAX_REDIRECTS + 1):
            with session.request(method, url, stream=True, timeout=TIMEOUT_SECONDS) as answer:
                if not answer.is_redirect:
                    yield answer
                    return
                url = _redirected(url, answer.headers["Location"])
    raise DataError(f"{public_name(url)} is redirected more than {MAX_REDIRECTS} times; check the address.")


def _redirected(url: str, location: str) -> str:
    """Return the target of a redirect, with the user info of the same host; raises `DataError` for a less safe one."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
    except ValueError as error:
        raise DataError(f"{public_name(url)} is redirected to an invalid address; check its own.") from error
    if there.scheme not in ("https", here.scheme):
        raise DataError(f"{public_name(url)} is redirected from {here.scheme} to {there.scheme}; check the address.")
    same = there.netloc == here.netloc.rpartition("@")[2]
    return urlunsplit(there._replace(netloc=here.netloc) if same else there)
