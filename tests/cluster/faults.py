"""What can go wrong between a client and a store."""

import random
import threading
from dataclasses import dataclass, field


@dataclass
class Fault:
    """A fault that hits a share of the requests of one method, or of all, a limited number of times.

    It applies to requests whose first line contains `of`, counted as `seen`, after the first `spared` of them.
    """

    method: str | None = None
    share: float = 1.0
    times: int | None = None
    of: str = ""
    spared: int = 0
    seen: int = field(default=0, init=False)
    happened: int = field(default=0, init=False)
    _lot: random.Random = field(default_factory=lambda: random.Random(0), init=False)  # noqa: S311 - no secret
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def strikes(self, first: str) -> bool:
        """Decide by the first line of a request whether it happens to it, and count."""
        with self._lock:
            if self.of not in first or self.method not in (None, first.split(" ", 1)[0]):
                return False
            self.seen += 1
            due = (
                self.seen > self.spared
                and (self.times is None or self.happened < self.times)
                and self._lot.random() < self.share
            )
            self.happened += due
        return due


@dataclass
class SlowDown(Fault):
    """The store answers 503 and does nothing."""


@dataclass
class NotFound(Fault):
    """The store answers 404, as some do for a bucket while they restart, and does nothing."""


@dataclass
class Spoilt(Fault):
    """A bit of the answer's body is another one than the store sent."""

    method: str | None = "GET"


@dataclass
class Delay(Fault):
    """The store is slow to begin."""

    seconds: float = 1.0


@dataclass
class Cut(Fault):
    """The connection breaks when so many bytes of an upload have passed.

    After 0 bytes SeaweedFS 4.48 stores an empty object, unless the client's `checksum_algorithm` is SHA256.
    """

    method: str | None = "PUT"
    after: int = 0


@dataclass
class LostAnswer(Fault):
    """The store does what it was asked, and the connection breaks before the answer."""


@dataclass
class NoConditions(Fault):
    """The store ignores If-Match and If-None-Match, as some do.

    The signature covers these headers, so it goes too: the store must allow requests without one.
    """
