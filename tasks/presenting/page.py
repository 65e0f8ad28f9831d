"""The page of a run: one HTML file that needs nothing else, made from what the run folder holds."""

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tasks.presenting import summary, words
from tasks.presenting.galleries import build_galleries, uri_of
from tasks.presenting.inside import group_rows
from tasks.presenting.numbers import Numbers, text_of
from tasks.presenting.reasons import why_twins
from tasks.presenting.saved import saved_lists
from tasks.presenting.titles import title_of
from tasks.records import REASONS, Report
from tasks.records.rows import Form
from tasks.storage import disk, tables
from tasks.storage.place import Place
from tasks.vocabulary import SPLITS

ENVIRONMENT = Environment(
    loader=PackageLoader("tasks.presenting", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
PAGE = ENVIRONMENT.get_template("page.html.jinja")  # compiled here: a command imports this while it waits for Prefect
QUARANTINE_SHOWN = 300
MEMBERS_SHOWN = 100  # classes of all sources
LARGER = Markup(
    ".pairs img, .group img { width: 6rem; height: 6rem; object-fit: contain }\n"
    ".pairs { grid-template-columns: repeat(auto-fill, minmax(28rem, 1fr)) }\n"
    "@media (max-width: 30rem) { .pairs { grid-template-columns: 1fr } .pairs img { width: 5rem; height: 5rem } }\n"
)  # photographs need more room than glyphs
ALTERNATIVES = {  # descriptions of charts for people who can't see them; the numbers are in the tables beside them
    "thresholds": "Share of rows with a twin in another split, falling as the similarity asked for rises.",
    "precision": "Predicted precision of matches, rising with the similarity asked for, and how many rows have one.",
    "balance": "Rows of each class in each split, before and after sanitizing.",
    "learning-curves": "Accuracy by training size for each model, on raw, sanitized, removed and control rows.",
    "effects": "Differences of accuracy with their intervals, by model and training size.",
    "classes": "Accuracy of each class for each model.",
    "confusion": "Counts of answers to test rows by class, for each model.",
}


def build_page(
    run: Place, report: Report, history: Sequence[dict[str, Any]] = (), glyphs: Sequence[Place] | None = None
) -> str:
    """Return the page of a run.

    Parameters
    ----------
    run : Place
        Folder with the run's files and figures.
    report : Report
    history : sequence of dict
        Rows of the workspace's history. The page that a run keeps has none: it depends on the run alone.
    glyphs : sequence of Place, optional
        Files that hold its glyphs, if not its raw splits: pixels of shards are read in an eighth of the time.

    Raises
    ------
    DataError
        When a table of the run is damaged or gone.
    """
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    if report.kind == "photographs":
        style += LARGER
    page = PAGE.render(
        style=style,
        script=script,
        policy=_policy(style, script),
        history=history,
        **_numbered(report),
        **_from_tables(run, report, glyphs),
    )
    return page + "\n"


def _numbered(report: Report) -> dict[str, Any]:
    """Return what the page says of a report: sentences and tables around numbers that are HTML already."""
    numbers = Numbers(report, _as_html)
    return {
        "report": report,
        "numbers": numbers,
        "headline": _marked(words.headline(numbers)),
        "effect": _marked(words.effect_in_short(numbers)),
        "facts": [_marked(fact) for fact in words.findings(numbers)],
        "threshold": [_marked(said) for said in why_twins(numbers)],
        "verdicts": [_marked(said) for said in words.verdicts(numbers)],
        "tables": {
            "splits": _cells(summary.split_rows(numbers)),
            "overlap": _cells(summary.overlap_rows(numbers)),
            "claims": _cells(summary.claim_rows(numbers)),
            "groups": _cells(group_rows(numbers)),
            "bands": _cells(summary.band_rows(numbers)),
            "judged": _cells(summary.judged_rows(numbers)),
            "accuracy": _cells(summary.accuracy_rows(numbers)),
            "effects": _cells(summary.effect_rows(numbers)),
        },
        "settings": report.spec.settings(),
        "legend": report.view.legend,
        "reasons": REASONS,
        "text_of": text_of,
        "present": [name for name in SPLITS if report.rows[name]],
    }


def _marked(sentence: str) -> Markup:
    """Return a sentence of ours around escaped numbers as HTML, with its commands as code."""
    return Markup(re.sub("`([^`]+)`", r"<code><bdi>\1</bdi></code>", sentence))  # noqa: S704


def _from_tables(run: Place, report: Report, glyphs: Sequence[Place] | None) -> dict[str, Any]:
    """Return what the page shows of the run's tables and figures."""
    refused = tables.read(run / "quarantine.parquet").to_pylist()
    members = sorted(report.conservation, key=lambda row: row.members == row.accepted)  # what lost some comes first
    if len(members) <= MEMBERS_SHOWN:
        members = list(report.conservation)
    figures = {}
    for place in disk.matching(run / "figures", "*.*"):
        name, _, ending = place.last.partition(".")
        figures[name] = uri_of(disk.read_bytes(place), "png" if ending == "png" else "jpeg")
    return {
        "galleries": build_galleries(run, report, glyphs),
        "lists": saved_lists(run),
        "figures": figures,
        "alternatives": ALTERNATIVES,
        "title_of": title_of,
        "members": members[:MEMBERS_SHOWN],
        "members_not_shown": max(0, len(members) - MEMBERS_SHOWN),
        "quarantined": refused[:QUARANTINE_SHOWN],
        "not_shown": max(0, len(refused) - QUARANTINE_SHOWN),
    }


def _as_html(place: str, form: Form, value: Any) -> Markup:
    """Return a number as HTML, with its place in report.json and its exact value."""
    exact = "" if value is None else repr(value)
    html = Markup('<data data-key="{}" data-form="{}" value="{}">{}</data>')
    return html.format(place, form, exact, text_of(value, form))


def _cells(rows: summary.TableRows) -> list[dict[str, Markup]]:
    """Return rows whose cells are either plain words or numbers that are HTML already."""
    return [{name: Markup(cell) if "<data" in cell else escape(cell) for name, cell in row.items()} for row in rows]  # noqa: S704


def _asset(name: str) -> Markup:
    loader: Any = ENVIRONMENT.loader
    return Markup(loader.get_source(ENVIRONMENT, name)[0])  # noqa: S704  # a file of ours


def _policy(style: str, script: str) -> str:
    """Return a content security policy: no request at all, our own style and script alone."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
