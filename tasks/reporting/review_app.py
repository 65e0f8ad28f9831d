"""The local application of a review: a page, its images, and decisions, below one random token.

Other users of the machine and pages of other origins can't guess the token. Requests under another host name (DNS
rebinding) and changes from another origin are refused. Images can't run scripts.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from tasks.errors import CleanSplitError
from tasks.reporting.review_pairs import Answer, Pair
from tasks.reporting.review_pictures import Glyphs, Photographs
from tasks.storage import Place, at
from tasks.storage.decisions import NAME, add_decisions, read_decisions

ASSETS = {"review.css": "text/css", "review.js": "text/javascript"}
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",  # the browser's Back would show old decisions
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ANSWERS = {  # the bodies of requests
    b"true": Answer(True), b"false": Answer(False), b"null": Answer(None),
    b'"first"': Answer(True, right=1), b'"second"': Answer(True, right=0),  # whose label is wrong
    b'"keep first"': Answer(True, stays=0), b'"keep second"': Answer(True, stays=1),
}  # fmt: skip


@dataclass(frozen=True)
class Review:
    """The pairs of a run, their images, and where decisions about them are kept.

    `title` is the name of the run; decisions.parquet of the `workspace` is read and written; `view` is how similarity
    was measured; `then` is the command that uses the decisions; `alone` is whether the images are one set.
    """

    title: str
    pairs: list[Pair]
    pictures: Glyphs | Photographs
    workspace: Place
    view: str
    then: str
    alone: bool

    def answered(self, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        """Return pairs as the page gets them, each with its decision, in whichever run that was made."""
        place = self.workspace / NAME
        known = read_decisions(place) if at(place).exists() else None
        same, right, staying = (known.by_pair, known.right_labels, known.staying) if known else ({}, {}, {})
        return [
            pair.shown()
            | {"same": same.get(pair.key), "right": right.get(pair.key)}
            | {"stays": staying[pair.key].hex() if pair.key in staying else None}
            for pair in pairs
        ]

    def decide(self, number: int, answer: Answer) -> None:
        """Keep a decision at once; one that leaves open whether the images are the same removes the one before."""
        pair = self.pairs[number]
        if answer.same is None:
            add_decisions(self.workspace, [], [pair.key])
            return
        row: dict[str, object] = {
            "first": pair.digests[0], "second": pair.digests[1], "same": answer.same, "view": self.view,
            "similarity": pair.similarity if pair.decidable else None,
            "decided": datetime.now(UTC).isoformat(timespec="seconds"), "first_id": pair.one, "second_id": pair.two,
            "stays": None if answer.stays is None else pair.digests[answer.stays],
            "right_label": None if answer.right is None else pair.classes[answer.right],
        }  # fmt: skip
        add_decisions(self.workspace, [row])


def application(review: Review, token: str) -> Starlette:
    """Return the application that answers below ``/token/``, to requests for this machine under its own name."""
    pages = Environment(loader=PackageLoader("tasks.reporting", "."), autoescape=True, undefined=StrictUndefined)

    def asset(request: Request) -> Response:
        name, loader = request.url.path.rpartition("/")[2], cast(PackageLoader, pages.loader)
        return Response(loader.get_source(pages, name)[0], media_type=ASSETS[name])

    def image(request: Request) -> Response:
        pair = _pair(review, request)
        data, media_type = review.pictures.shown((pair.one, pair.two)[request.path_params["side"]])
        sandbox = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, max-age=3600"}
        return Response(data, media_type=media_type, headers=sandbox)

    def laid(request: Request) -> Response:
        pair = _pair(review, request)
        return JSONResponse(review.pictures.laid(pair.one, pair.two))

    async def decide(request: Request) -> Response:
        pair, answer = _pair(review, request), ANSWERS.get(await request.body())
        if answer is None or not pair.accepts(answer):
            return PlainTextResponse("this is not a decision about this pair", 400)
        (now,) = await run_in_threadpool(review.answered, [pair])
        if request.headers.get("if-match", known := _tag(now)) != known:
            return PlainTextResponse("it was decided in another window; reload this page", 412)
        await run_in_threadpool(review.decide, request.path_params["number"], answer)
        return Response(status_code=204)

    async def guarded(request: Request, call_next: RequestResponseEndpoint) -> Response:
        reason = _reason(request, token)
        answer = PlainTextResponse(reason, 403) if reason else await call_next(request)
        for name, value in ALWAYS.items():
            answer.headers.setdefault(name, value)
        return answer

    routes = [
        Route("/", lambda _: HTMLResponse(pages.get_template("review.html.jinja").render(review=review))),
        Route("/pairs", lambda _: JSONResponse(review.answered(review.pairs))),
        Route("/image/{number:int}/{side:int}", image),
        Route("/laid/{number:int}", laid),
        Route("/decide/{number:int}", decide, methods=["POST"]),
        *(Route(f"/{name}", asset) for name in ASSETS),
    ]
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False),
        Middleware(BaseHTTPMiddleware, dispatch=guarded),
    ]
    failed: Any = {CleanSplitError: lambda _, error: PlainTextResponse(str(error), 507)}  # insufficient storage
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], middleware=middleware, exception_handlers=failed)


def _tag(pair: dict[str, Any]) -> str:
    """Return the decision about a pair, as the page repeats it to say which one it replaces."""
    known = [pair[name] for name in ("same", "right", "stays")]
    return quote(json.dumps(known, ensure_ascii=False, separators=(",", ":")), safe="!*'()")


def _reason(request: Request, token: str) -> str | None:
    """Return why a request does not come from the page, before it is handled."""
    if not secrets.compare_digest(request.url.path.split("/")[1].encode(), token.encode()):
        return "the address lacks its token; open the one that the command printed"
    if request.method != "POST":
        return None if request.method in ("GET", "HEAD") else "no such method"
    if request.headers.get("origin") != f"http://{request.headers['host']}":
        return "another origin"
    return None if request.headers.get("content-length") in {str(len(answer)) for answer in ANSWERS} else "no answer"


def _pair(review: Review, request: Request) -> Pair:
    number, side = request.path_params["number"], request.path_params.get("side", 0)
    if number >= len(review.pairs) or side > 1:
        raise HTTPException(404)
    return review.pairs[number]
