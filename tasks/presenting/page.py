"""The page of a run: one self-contained HTML file made from the run folder."""

import base64
import csv
import hashlib
import io
import re
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from tasks.presenting.gallery import build_gallery, uri_of
from tasks.presenting.summary import tables_of
from tasks.presenting.words import ENVIRONMENTS, Numbers, answer, sentences, text_of, title_of
from tasks.records import REASONS, Report
from tasks.storage import Place, at, tables
from tasks.storage.workspace import run_at
from tasks.vocabulary import UNLABELLED

ENVIRONMENT = ENVIRONMENTS[True]
PAGE = "page.html.jinja"
ENVIRONMENT.get_template(PAGE)  # compiled at import, while a command waits for Prefect
MOST = {"members": 100, "refused": 300, "qualifications": 3}  # rows of tables, and sentences, that are shown
SAVED = 500_000  # bytes of a list in the page
SHORT, PICTURES = 2, 6  # tables and pictures of a notebook
SAID = ("outcome", "in_short", "qualifications", "missed", "next_steps", "verdicts", "why", "findings")


def build_page(run: Place, report: Report, history: Sequence[dict[str, Any]] = ()) -> str:
    """Return the page of a run from the files in its folder.

    `history` has rows of the workspace's history; the page in the run folder has no history, so that it depends only on
    the run. Raises `DataError` when a table of the run is damaged or gone.
    """
    numbers = Numbers(report, html=True)
    pictures, every = build_gallery(run, report)
    members = report.conservation
    if len(members) > MOST["members"]:  # classes with refused members come first
        members = tuple(sorted(members, key=lambda row: row.members == row.accepted))
    return render(
        PAGE,
        report=report,
        numbers=numbers,
        said={macro: [*map(_marked, sentences(numbers, macro))] for macro in SAID},
        tables=tables_of(numbers),
        reasons=REASONS,
        unlabelled=UNLABELLED,
        text_of=text_of,
        pictures=pictures,
        every=every,
        lists=_saved_lists(run),
        figures=_figures(run),
        title_of=title_of,
        members=members,
        quarantined=tables.read(run / "quarantine.parquet").to_pylist(),
        most=MOST,
        history=history,
    )


def render(template: str, **given: Any) -> str:
    """Return a page with our style; the page of a run has a script, too."""
    style, script = _asset("page.css"), _asset("page.js") if template == PAGE else ""
    about = {"style": style, "script": script, "policy": _policy(style, script)}
    return ENVIRONMENT.get_template(template).render(about | given) + "\n"


def as_html(report: Report, page: str) -> str:
    """Return the answer, the next steps, some duplicates, and the tables of rows and overlap, for a notebook.

    `page` is the address of the page. Raises `DataError` if a table of the run is damaged or gone.
    """
    numbers, pictures = Numbers(report), build_gallery(run_at(report.run), report)[0][:PICTURES]
    tables, said = [*tables_of(numbers).values()][:SHORT], [answer(numbers), *sentences(numbers, "next_steps")]
    return ENVIRONMENT.get_template("result.html.jinja").render(
        said=[_marked(str(escape(one))) for one in said],
        pictures=pictures,
        tables=tables,
        where=report.where,
        page=page,
    )


def _figures(run: Place) -> dict[str, str]:
    figures = {}
    for place in at(run / "figures").matching("*.*"):
        name, _, ending = place.last.partition(".")
        figures[name] = uri_of(at(place).read_bytes(), "png" if ending == "png" else "jpeg")
    return figures


def _marked(sentence: str) -> Markup:
    """Return a sentence of ours around escaped numbers as HTML, with its commands as code."""
    return Markup(re.sub("`([^`]+)`", r"<code><bdi>\1</bdi></code>", sentence))  # noqa: S704


def _asset(name: str) -> Markup:
    loader: Any = ENVIRONMENT.loader
    return Markup(loader.get_source(ENVIRONMENT, name)[0])  # noqa: S704  # a file of ours


def _policy(style: str, script: str) -> str:
    """Return a content security policy: no requests, only our own style and script."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _saved_lists(run: Place) -> list[dict[str, str]]:
    """Return the ``name``, ``title`` and ``uri`` of each list: files to keep, files to remove, and all actions."""
    texts = {}
    for what, pattern in (("keep", "keep.txt"), ("remove", "remove.txt"), ("remove", "remove/*")):
        for place in at(run).matching(pattern):
            if at(place).size() <= SAVED:
                texts[pattern.replace("/*", f"-{place.last}")] = f"files to {what}", at(place).read_text()
    if at(run / "actions.csv").is_file():
        texts["actions.csv"] = "what to do, why, and the duplicate of each", _in_question(run / "actions.csv")
    begins = "data:text/plain;charset=utf-8;base64,"
    return [
        {"name": name, "title": title, "uri": begins + base64.b64encode(text.encode()).decode()}
        for name, (title, text) in texts.items()
        if 0 < len(text.encode()) <= SAVED
    ]


def _in_question(actions: Place) -> str:
    """Return the header and the rows of images that go or should be looked at; if they are too many, some of them."""
    out = io.StringIO()
    with at(actions).reading() as file:
        rows, writer = csv.reader(io.TextIOWrapper(file, "utf-8", newline="")), csv.writer(out, lineterminator="\n")
        head = next(rows)
        action = head.index("action")
        for row in rows:
            if row[action] != "keep":
                writer.writerows([row] if out.tell() else [head, row])
            if out.tell() > SAVED:
                break
    return out.getvalue()
