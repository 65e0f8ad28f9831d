"""Collect the pairs of a review, and serve its page to this machine only."""

import secrets
import shlex
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from tasks.errors import DataError, UsageError
from tasks.records.spec import DedupeSpec
from tasks.reporting.read import read_findings, read_report
from tasks.reporting.review_app import Review, application
from tasks.reporting.review_pairs import pairs_of
from tasks.reporting.review_pictures import Glyphs, Photographs
from tasks.storage import Place, at, disk, scratch

HOST = "127.0.0.1"


def prepare_review(run: Place) -> Review:
    """Collect the pairs of a run with their images; raises `DataError` if a table or a source is damaged or gone."""
    report, found, workspace = read_report(run), read_findings(run), run.parent.parent
    try:
        pairs = pairs_of(run, report, found)
    except KeyError as error:  # a table lacks a column, or names an unknown image
        raise DataError(f"{run} was changed or written by another version; do the run again.") from error
    ids = {name for pair in pairs for name in (pair.one, pair.two)}
    pictures = Glyphs(run, ids) if report.kind == "glyphs" else Photographs(found, workspace, ids)
    again = ["dedupe", str(report.spec.source)] if isinstance(report.spec, DedupeSpec) else ["sanitize", run.last]
    then = shlex.join(["cleansplit", *again, "--workspace", str(workspace)])
    review = Review(run.last, pairs, pictures, workspace, report.view.name, then, report.alone)
    review.answered(review.pairs)  # unreadable decisions are refused before more are made
    return review


def listening(port: int) -> socket.socket:
    """Listen on a port of this machine only, 0 for any free port; raises `UsageError` if it is taken."""
    try:
        listener = socket.create_server((HOST, port))  # an early request waits until the server runs
    except (OSError, OverflowError) as error:
        raise UsageError(f"port {port} can't be listened on: {error}; choose another --port.") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # otherwise each answer takes 40 ms
    return listener


@contextmanager
def shortcut(address: str, workspace: Place) -> Iterator[str]:
    """Yield the URL of a private file that leads a browser to an address, which no list of processes shows then."""
    folder = Place(str(scratch.folder())) if workspace.in_bucket else workspace
    page = folder / f".review.{secrets.token_hex(8)}.html"
    with disk.storage_errors(page):
        disk.path_of(page).touch(0o600, exist_ok=False)
        disk.write_text(page, f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">')
    try:
        yield at(page).local().as_uri()
    finally:
        disk.remove(page)


def serve(review: Review, listener: socket.socket, announce: Callable[[str], object]) -> None:
    """Serve a review until it is stopped; its address, which holds a token, is announced first."""
    token = secrets.token_urlsafe(24)
    server = uvicorn.Server(uvicorn.Config(application(review, token), log_level="error", lifespan="off"))
    with server.capture_signals():  # an import can lose the exception of a handler
        announce(f"http://{HOST}:{listener.getsockname()[1]}/{token}/")
        server.run(sockets=[listener])
