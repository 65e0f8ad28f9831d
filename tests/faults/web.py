"""Downloads from a server that misbehaves by a script."""

import contextlib
import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tasks.sources import download
from tasks.sources.packed import packing_of
from tasks.storage.place import Place
from tests.faults import plain
from tests.faults.oracle import Golden, Tally, judge

SECRET = "hunter2"  # noqa: S105
PATIENCE = 2.0  # seconds that a download waits for a stalled server, in these tests


class Handler(BaseHTTPRequestHandler):
    """Serve one archive, as the fault of the moment has it."""

    fault: Callable[["Handler", bytes], None]
    content: bytes = b""

    def do_HEAD(self) -> None:
        """Send the headers of the archive."""
        self.head(200, len(self.content))

    def do_GET(self) -> None:
        """Misbehave."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            type(self).fault(self, self.content)

    def head(self, status: int, length: int, **more: str) -> None:
        """Send the head of an answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(length), "ETag": '"1"', **more}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve_all(answer: Handler, content: bytes) -> None:
    """Serve the archive as it is."""
    answer.head(200, len(content))
    answer.wfile.write(content)


def reset_at(share: float) -> Callable[[Handler, bytes], None]:
    """Break the connection after a share of the bytes."""

    def fault(answer: Handler, content: bytes) -> None:
        answer.head(200, len(content))
        answer.wfile.write(content[: int(share * (len(content) - 1))])
        answer.connection.close()

    return fault


def status(code: int, **more: str) -> Callable[[Handler, bytes], None]:
    """Answer with a status and nothing else."""

    def fault(answer: Handler, _content: bytes) -> None:
        answer.head(code, 0, **more)

    return fault


def stall(answer: Handler, content: bytes) -> None:
    """Send the half and then nothing more."""
    answer.head(200, len(content))
    answer.wfile.write(content[: len(content) // 2])
    answer.wfile.flush()
    time.sleep(2 * PATIENCE)


def too_short(answer: Handler, content: bytes) -> None:
    """Claim a length that cuts the archive, and send that much."""
    answer.head(200, len(content) // 2)
    answer.wfile.write(content)


def page(answer: Handler, _content: bytes) -> None:
    """Answer politely, with status 200, that the archive does not exist."""
    body = b"<html>Sign in to continue</html>"
    answer.head(200, len(body))
    answer.wfile.write(body)


def encoded(answer: Handler, content: bytes) -> None:
    """Add an encoding although none was accepted: what comes is stored as it comes, and is no archive then."""
    body = gzip.compress(content)
    answer.head(200, len(body), Content_Encoding="gzip")
    answer.wfile.write(body)


def other_bytes(answer: Handler, content: bytes) -> None:
    """Send the right number of bytes, half of them wrong."""
    answer.head(200, len(content))
    answer.wfile.write(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


FAULTS: dict[str, Callable[[Handler, bytes], None]] = {
    "reset at byte 0": reset_at(0),
    "reset at byte 1": reset_at(0.0001),
    "reset in the middle": reset_at(0.5),
    "reset before the last byte": reset_at(1),
    "stall": stall,
    "500": status(500),
    "503 with Retry-After": status(503, Retry_After="1"),
    "429 with Retry-After": status(429, Retry_After="1"),
    "404": status(404),
    "redirect to itself": status(302, Location="/large.tar.gz"),
    "wrong length": too_short,
    "a page with status 200": page,
    "encoded once more": encoded,
    "changed content": other_bytes,
}


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[tuple[str, type[Handler]]]:
    """Serve an archive; gives the URL, secrets in it, and the class whose `fault` is the fault of the moment."""

    class Here(Handler):
        fault = staticmethod(serve_all)

    Here.content = content
    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://me:{SECRET}@127.0.0.1:{server.server_address[1]}/large.tar.gz?token={SECRET}", Here
    finally:
        server.shutdown()
        server.server_close()


def misbehaving(golden: Golden, scratch: Path, names: tuple[str, ...] = tuple(FAULTS)) -> Tally:
    """Fetch the large archive from a server with each fault; then from one without."""
    tally, content = Tally("downloads"), Path(golden.sources["large"]).read_bytes()
    download.TIMEOUT_SECONDS, before = PATIENCE, download.TIMEOUT_SECONDS  # type: ignore[assignment]
    try:
        for name in names:
            with serving(content) as (url, here):
                workspace = plain.fresh(scratch / "w")
                mine = replace(golden, sources={**golden.sources, "large": url})
                here.fault = staticmethod(FAULTS[name])
                ended = plain.in_child(partial(mine.run, workspace), scratch)
                problems = Counter(
                    wrong=sum(packing_of(Place.of(p)) is None for p in workspace.glob("downloads/[!.]*"))
                )
                problems["unexplained"] += SECRET in ended.said
                here.fault = staticmethod(serve_all)
                problems += judge(mine, workspace, ended, [3], scratch)
                problems["unexplained"] += sum(
                    SECRET.encode() in p.read_bytes() for p in workspace.rglob("*") if p.is_file()
                )
                tally.count(name, +problems)
    finally:
        download.TIMEOUT_SECONDS = before
    return tally
