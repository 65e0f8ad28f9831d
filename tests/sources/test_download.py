"""Downloads against a real HTTP server on this machine."""

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

from tasks.errors import DataError, SourceUnavailableError
from tasks.sources import download
from tasks.sources.download import PublishedFile
from tasks.sources.published import NOTMNIST_FILES
from tasks.sources.tasks import fetch
from tasks.storage.place import Place
from tasks.vocabulary import Role

CONTENT = b"\x1f\x8b" + b"archive " * 5000  # starts as gzip does


@dataclass
class Site:
    """What the server answers: a status or content per path, and every request it saw."""

    url: str
    status: int = 200
    content: bytes = CONTENT
    etag: str | None = '"1"'
    send: int | None = None
    seen: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(b"")

        def do_GET(self) -> None:
            self.answer(here.content[: here.send])

        def answer(self, body: bytes) -> None:
            here.seen.append(f"{self.command} {self.path}")
            self.send_response(here.status)
            self.send_header("Content-Length", str(len(here.content)))
            if here.etag:
                self.send_header("ETag", here.etag)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Site(f"http://127.0.0.1:{server.server_address[1]}/")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield here
    server.shutdown()
    server.server_close()


def fetched(url: str, folder: Path) -> Path:
    return Path(str(download.download(url, Place.of(folder))))


def fetched_notmnist(role: Role, folder: Path, mirrors: tuple[str, ...]) -> Path:
    file = replace(NOTMNIST_FILES[role], mirrors=mirrors)
    return Path(str(download.download_published(file, Place.of(folder))))


def test_an_archive_is_fetched_once_while_nothing_changed(site: Site, tmp_path: Path) -> None:
    first = fetched(site.url + "a.tar.gz?token=s", tmp_path)
    assert first.read_bytes() == CONTENT
    assert fetched(site.url + "a.tar.gz?token=s", tmp_path) == first
    assert [line.split()[0] for line in site.seen] == ["HEAD", "GET", "HEAD"]
    assert "token" not in str(first)


def test_parquet_is_fetched_too_and_a_page_is_not(site: Site, tmp_path: Path) -> None:
    site.content = b"PAR1" + bytes(100) + b"PAR1"
    assert fetched(site.url + "train.parquet", tmp_path).name.endswith("-train.parquet")
    site.content, site.etag = b"<html>404</html>" * 50, '"2"'
    with pytest.raises(DataError, match="is neither an archive nor Parquet: it starts with b'<html>404</html>'"):
        fetched(site.url + "train.parquet", tmp_path)


def test_changed_content_is_fetched_again(site: Site, tmp_path: Path) -> None:
    fetched(site.url + "a.tar.gz", tmp_path)
    site.content, site.etag = b"\x1f\x8bnew", '"2"'
    assert fetched(site.url + "a.tar.gz", tmp_path).read_bytes() == b"\x1f\x8bnew"


def test_without_validators_a_copy_is_never_trusted(site: Site, tmp_path: Path) -> None:
    site.etag = None
    fetched(site.url + "a.tar.gz", tmp_path)
    site.content = CONTENT[:2] + CONTENT[:1:-1]
    assert fetched(site.url + "a.tar.gz", tmp_path).read_bytes() == CONTENT[:2] + CONTENT[:1:-1]


@pytest.mark.parametrize(("status", "heals"), [(500, True), (503, True), (429, True), (404, False), (403, False)])
def test_only_what_may_heal_is_worth_a_retry(site: Site, tmp_path: Path, status: int, heals: bool) -> None:
    site.status = status
    with pytest.raises(DataError, match=f"status {status}") as caught:
        fetched(site.url + "a.tar.gz?token=secret", tmp_path)
    assert isinstance(caught.value, SourceUnavailableError) == heals
    assert "secret" not in str(caught.value)
    assert not list(tmp_path.glob("*a.tar.gz"))


def test_a_transfer_that_breaks_off_leaves_no_file(site: Site, tmp_path: Path) -> None:
    site.send = 100
    with pytest.raises(SourceUnavailableError, match=r"broke off \(\w+\); try again"):
        fetched(site.url + "a.tar.gz", tmp_path)
    assert not list(tmp_path.glob("*a.tar.gz"))


def test_a_server_that_is_not_there_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="could not be reached"):
        fetched("http://127.0.0.1:9/a.tar.gz", tmp_path)


def test_the_published_archives_are_verified_and_the_second_mirror_helps(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = replace(NOTMNIST_FILES["small"], sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(NOTMNIST_FILES, "small", ours)
    path = fetched_notmnist("small", tmp_path, ("http://127.0.0.1:9/", site.url))
    assert path.read_bytes() == CONTENT
    fetched_notmnist("small", tmp_path, ("http://127.0.0.1:9/", site.url))
    assert site.seen == ["GET /notMNIST_small.tar.gz"], "a file that verifies is not fetched again"


def test_something_else_than_the_published_archive_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sha256 differs") as caught:
        fetched_notmnist("small", tmp_path, (site.url,))
    assert not isinstance(caught.value, SourceUnavailableError)
    assert not list(tmp_path.glob("notMNIST*"))


def test_a_source_that_fails_twice_is_tried_again_by_prefect(
    site: Site, tmp_path: Path, prefect_server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_before = len(site.seen)
    site.status = 503

    @flow
    def only_fetch() -> State[Any]:
        future = fetch.submit("small", site.url + "a.tar.gz", {}, Place.of(tmp_path))
        while len(site.seen) < seen_before + 2:
            time.sleep(0.05)
        site.status = 200
        future.wait()
        return future.state

    state = only_fetch(return_state=True)
    assert state.is_completed()
    names: list[str] = []
    assert state.state_details.flow_run_id
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    with get_client(sync_client=True) as client:
        for _ in range(50):  # a server writes states of tasks down a moment after they happened
            runs = client.read_task_runs(flow_run_filter=of_run)
            names = [entry.name for run in runs for entry in client.read_task_run_states(run.id)]
            if names[-1:] == ["Completed"]:
                break
            time.sleep(0.2)
    assert names.count("AwaitingRetry") == names.count("Retrying") >= 1
    assert names[-1] == "Completed"


def test_bad_data_is_not_tried_again(site: Site, tmp_path: Path, prefect_server: None) -> None:
    site.status = 404

    @flow
    def only_fetch() -> State[Any]:
        future = fetch.submit("small", site.url + "a.tar.gz", {}, Place.of(tmp_path))
        future.wait()
        return future.state

    with pytest.raises(DataError, match="status 404"):
        only_fetch()
    assert len([line for line in site.seen if line.startswith("GET")]) == 1


def test_what_was_fetched_has_the_rights_of_other_files(site: Site, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    found = fetched(f"{site.url}a.tar.gz", tmp_path / "downloads")
    assert found.stat().st_mode == (tmp_path / "other").stat().st_mode


@contextlib.contextmanager
def answering(body: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve an answer without a length, whose body a function writes."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            with contextlib.suppress(OSError):
                body(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/a.tar?token=hushhush"
    finally:
        server.shutdown()
        server.server_close()


def without_end(answer: BaseHTTPRequestHandler) -> None:
    while True:
        answer.wfile.write(CONTENT)


def drop_by_drop(answer: BaseHTTPRequestHandler) -> None:
    while True:
        answer.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (without_end, DataError, "does not end: it sent more than 0 GiB"),
        (drop_by_drop, SourceUnavailableError, "sends less than 1,024 bytes a second"),
    ],
    ids=["endless", "dripping"],
)
def test_what_a_server_sends_has_limits(
    body: Callable[[BaseHTTPRequestHandler], None],
    error: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(download, "LARGEST", 20 << 20)
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 1 if body is drop_by_drop else 60)
    with answering(body) as url, pytest.raises(error, match=said) as raised:
        fetched(url, tmp_path)
    assert "hushhush" not in str(raised.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@contextlib.contextmanager
def raw(*parts: bytes, pause: float = 0, repeat: int = 1) -> Iterator[tuple[str, list[int]]]:
    """Answer every connection with the first part, and the others again and again; yields how many bytes went out."""
    sent = [0]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                client.recv(1 << 16)
                client.sendall(parts[0])
                for part in parts[1:] * repeat:
                    client.sendall(part)
                    sent[0] += len(part)
                    time.sleep(pause)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=[server.accept()[0]], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", sent
        server.shutdown(socket.SHUT_RDWR)


OK = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "a header": (OK, b"X-Drop: x\r\n"),
    "a line": (OK + b"X-Drop: ", b"x"),
    "a chunk's length": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "a trailer": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Drop: x\r\n"),
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /a.tar.gz\r\n", b"X-Drop: x\r\n"),
}


@pytest.mark.parametrize("name", DRIPS)
def test_a_server_that_drips_anywhere_is_left(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 1)
    begin = time.monotonic()
    with raw(*DRIPS[name], pause=0.2, repeat=90) as (url, _), pytest.raises(SourceUnavailableError, match="less than"):
        download.download_published(PublishedFile("a.tar.gz", "0" * 64, (f"{url}/",)), Place.of(tmp_path))
    assert time.monotonic() - begin < 10
    with raw(*DRIPS[name], pause=0.2, repeat=90) as (url, _), pytest.raises(SourceUnavailableError):
        fetched(f"{url}/a.tar.gz", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_transfer_takes_no_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "LONGEST_SECONDS", 1)
    file = PublishedFile("a.tar.gz", "0" * 64, ())
    with (
        raw(OK + b"\r\n", CONTENT, pause=0.1, repeat=90) as (url, _),
        pytest.raises(DataError, match="more than 1 sec"),
    ):
        download.download_published(replace(file, mirrors=(f"{url}/",)), Place.of(tmp_path))


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_the_body_of_a_redirect_is_not_read(method: str, site: Site) -> None:
    head = f"HTTP/1.1 302 Found\r\nLocation: {site.url}a.tar.gz\r\nContent-Length: 99999999999\r\n\r\n".encode()
    with raw(head, bytes(1 << 20), repeat=200) as (url, sent), download.answered(method, url) as answer:
        assert answer.raw.read() == (CONTENT if method == "GET" else b"")
        assert sent[0] < 50 << 20


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "//[", "gopher://x", "data:,x"])
def test_a_redirect_to_another_scheme_is_refused(location: str, tmp_path: Path) -> None:
    head = f"HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with raw(head) as (url, _), pytest.raises(DataError, match="is redirected"):
        download.download_published(PublishedFile("a.tar.gz", "0" * 64, (f"{url}/",)), Place.of(tmp_path))


def test_a_redirect_keeps_user_info_on_its_host_and_nowhere_else() -> None:
    leads = download._redirected
    assert leads("https://me:x@a.example/1", "/2") == "https://me:x@a.example/2"
    assert leads("https://me:x@a.example/1", "https://a.example/2?t=1") == "https://me:x@a.example/2?t=1"
    assert leads("https://me:x@a.example/1", "https://b.example/2") == "https://b.example/2"
    assert leads("http://me:x@a.example/1", "https://a.example:8443/2") == "https://a.example:8443/2"
    for location in ("http://a.example/2", "//a.example/2".replace("//", "http://")):
        with pytest.raises(DataError, match="redirected from https to http"):
            leads("https://a.example/1", location)


def test_redirects_are_followed_and_counted(site: Site, tmp_path: Path) -> None:
    head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {site.url}b.tar.gz\r\nContent-Length: 0\r\n\r\n".encode()
    with raw(head) as (url, _):
        assert fetched(f"{url}/a.tar.gz", tmp_path).read_bytes() == CONTENT
    circle = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with raw(circle) as (url, _), pytest.raises(DataError, match="redirected more than 10 times"):
        fetched(f"{url}/a.tar.gz", tmp_path)
