"""Ask a server within limits: of redirects, of bytes, and of time."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from tasks.addresses import public_name
from tasks.errors import DataError, SourceUnavailableError

T = TypeVar("T")
TIMEOUT_SECONDS, SECONDS_BETWEEN_CHECKS = 30, 0.5
MAX_REDIRECTS = 10
LARGEST, LONGEST_SECONDS = 256 << 30, 48 * 3600  # bytes and time of an archive
SLOWEST, PATIENCE_SECONDS = 1024, 60  # minimum bytes a second, after the first minute


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
