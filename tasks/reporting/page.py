"""The page of a run: one HTML file that needs nothing else, made from what the run folder holds."""

import base64
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tasks import tables
from tasks.records import REASONS, Report
from tasks.reporting import summary
from tasks.reporting.figures import title_of
from tasks.reporting.galleries import THUMBNAILS, build_galleries, uri_of
from tasks.reporting.numbers import Show, measure, text_of

QUARANTINE_SHOWN = 300
LARGER = Markup(
    ".pairs img, .group img { width: 6rem; height: 6rem; object-fit: contain }\n"
    ".pairs { grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)) }\n"
    "@media (max-width: 30rem) { .pairs { grid-template-columns: 1fr } .pairs img { width: 5rem; height: 5rem } }\n"
)  # photographs need more room than glyphs
ALTERNATIVES = {  # what a chart says to whoever can't see it; its numbers stand in the tables beside it
    "thresholds": "Share of rows with a twin in another split, falling as the similarity asked for rises.",
    "balance": "Rows of each class in each split, before and after sanitizing.",
    "learning-curves": "Accuracy by training size for each model, on raw, sanitized, removed and control rows.",
    "effects": "Differences of accuracy with their intervals, by model and training size.",
    "letters": "Accuracy of each class for each model.",
    "confusion": "Counts of answers to test rows by class, for each model.",
}


def build_page(run: Path, report: Report, history: Sequence[dict[str, Any]] = ()) -> str:
    """Return the page of a run.

    Parameters
    ----------
    run : Path
        Folder with the run's files and figures.
    report : Report
    history : sequence of dict
        Rows of the workspace's history. The page that a run keeps has none: it depends on the run alone.

    Raises
    ------
    DataError
        When a table of the run is damaged or gone.
    """
    environment = Environment(
        loader=PackageLoader("tasks.reporting", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    show: Show = partial(_number, report)
    style, script = (_asset(environment, name) for name in ("page.css", "page.js"))
    pictures = (run / THUMBNAILS).exists()
    if pictures:
        style += LARGER
    refused = tables.read(run / "quarantine.parquet").to_pylist()
    template = environment.get_template("page.html.jinja")
    page = template.render(
        report=report,
        number=show,
        style=style,
        script=script,
        policy=_policy(style, script),
        headline=Markup(summary.headline(report, show)),  # noqa: S704  # sentences of ours around escaped numbers
        effect=Markup(summary.effect_in_short(report, show)),  # noqa: S704
        facts=[Markup(fact) for fact in summary.findings(report, show)],  # noqa: S704
        verdicts=[Markup(said) for said in summary.verdicts(report, show)],  # noqa: S704
        tables={
            "splits": _cells(summary.split_rows(report, show)),
            "overlap": _cells(summary.overlap_rows(report, show)),
            "accuracy": _cells(summary.accuracy_rows(report, show=show)),
            "effects": _cells(summary.effect_rows(report, show=show)),
        },
        galleries=build_galleries(run),
        pictures=pictures,
        figures={
            path.stem: uri_of(path.read_bytes(), "png" if path.suffix == ".png" else "jpeg")
            for path in sorted((run / "figures").iterdir())
        },
        alternatives=ALTERNATIVES,
        title_of=title_of,
        quarantined=refused[:QUARANTINE_SHOWN],
        not_shown=max(0, len(refused) - QUARANTINE_SHOWN),
        reasons=REASONS,
        history=history,
        text_of=text_of,
    )
    return page + "\n"


def _number(report: Report, key: str, form: str) -> Markup:
    """Return a number as HTML, with its key and its exact value."""
    value = measure(report, key)
    exact = "" if value is None else repr(value)
    html = Markup('<data data-key="{}" data-form="{}" value="{}">{}</data>')
    return html.format(key, form, exact, text_of(value, form))


def _cells(rows: list[dict[str, str]]) -> list[dict[str, Markup]]:
    """Return rows whose cells are either plain words or numbers that are HTML already."""
    return [{name: Markup(cell) if "<data" in cell else escape(cell) for name, cell in row.items()} for row in rows]  # noqa: S704


def _asset(environment: Environment, name: str) -> Markup:
    loader: Any = environment.loader
    return Markup(loader.get_source(environment, name)[0])  # noqa: S704  # a file of ours


def _policy(style: str, script: str) -> str:
    """Return a content security policy: no request at all, our own style and script alone."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
