"""The results of a run as people read them: in numbers, in the sentences of words.jinja, and in titles of figures.

Each number has its place in report.json, so that all reports agree. A place is a path like ``overlap.3.exact``; ``*``
sums over a list, and two places joined by `` / ``, `` + `` or `` - `` stand for the number computed from both.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from shlex import quote
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tasks.formats import HOLD_IMAGES
from tasks.records import Conclusion, Report
from tasks.records.rows import Form, form_of
from tasks.records.verdict import ChangedCopies
from tasks.storage import Place, at
from tasks.vocabulary import UNLABELLED

DASH = "-"
FORMS: dict[Form, Callable[[Any], str]] = {
    "count": lambda value: f"{value:,}",
    "share": lambda value: percent(value),
    "accuracy": lambda value: f"{100 * value:.1f}",
    "points": lambda value: re.sub(r"^(.)0\.00$", r"\1<0.01", f"{value:+.2f}") if value else "0",
    "size": lambda value: f"{value:.1f}",
    "similarity": lambda value: f"{value:.3f}".removesuffix("0"),
    "probability": lambda value: f"{value:.4f}",
    "moment": lambda value: f"{value:.4f}",
    "limit": lambda value: f"{value:,}" if isinstance(value, int) else percent(value, 2),
}
ENVIRONMENTS = {  # for text and HTML
    html: Environment(
        loader=PackageLoader("tasks.presenting", "."),
        autoescape=html,  # noqa: S701  # text for the terminal is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for html in (False, True)
}
NUMBER = re.compile(r"\d[\d./]*")
TITLES = {
    "files": "20 files of each class of {}",
    "normalized": "The same images of {}, normalized",
    "rows": "The first 200 rows of {}, with their classes",
    "balance": "Rows of each class, before and after sanitizing",
    "thresholds": "Rows with a duplicate at another --threshold",
    "precision": "Predicted precision of matches, by similarity",
    "learning-curves": "Accuracy by training size",
    "effects": "Effect of the duplicates on accuracy; the 95 % intervals are not corrected for multiple comparisons",
    "confusion": "Answers to raw test rows",
    "mistakes": "The most confident mistakes: class but answer, and how sure",
}


def text_of(value: Any, form: Form) -> str:
    """Return a number in one of the forms, or a dash for a missing number.

    >>> text_of(0.125, "share"), text_of(1234, "count"), text_of(None, "points")
    ('12.5 %', '1,234', '-')
    >>> [text_of(value, "points") for value in (1.26, -0.04, 0.001, 0)]
    ['+1.26', '-0.04', '+<0.01', '0']
    """
    return DASH if value is None else FORMS[form](value)


def percent(share: float, digits: int = 1) -> str:
    """Return a share in percent; only none and all are 0 and 100.

    >>> percent(0.5), percent(0.00001), percent(0.00001, 2), percent(0.9999), percent(1.0)
    ('50.0 %', '<0.1 %', '<0.01 %', '>99.9 %', '100.0 %')
    """
    shown, least = f"{100 * share:.{digits}f}", 10**-digits
    if 0 < share < 1 and float(shown) in (0, 100):
        return f">{100 - least:g} %" if float(shown) else f"<{least:g} %"
    return f"{shown} %"


class Numbers:
    """The numbers of one report: plain text, or `html` with the place in report.json and the exact value of each."""

    def __init__(self, report: Report, html: bool = False) -> None:
        self.report, self.html = report, html
        self._places = {id(row): place for row, place in _rows_of(report)}

    def __call__(self, row: Any, name: str, form: Form | None = None) -> str:
        """Return a number of a row of the report, in the form of its type or in another."""
        return self._write(self._place(row, name), form or form_of(row, name), getattr(row, name))

    def share(self, row: Any, part: str, whole: str = "rows") -> str:
        """Return one number of a row as a share of another, in percent."""
        total = getattr(row, whole)
        value = getattr(row, part) / total if total else None
        return self._write(f"{self._place(row, part)} / {self._place(row, whole)}", "share", value)

    def joined(self, one: Any, name: str, sign: Literal["+", "-"], other: Any, other_name: str) -> str:
        """Return the sum or the difference of two counts."""
        value = getattr(one, name) + (1 if sign == "+" else -1) * getattr(other, other_name)
        return self._write(f"{self._place(one, name)} {sign} {self._place(other, other_name)}", "count", value)

    def total(self, table: str, name: str) -> str:
        """Return the sum of a count over all rows of a table of the report."""
        value = sum(getattr(row, name) for row in getattr(self.report, table))
        return self._write(f"{table}.*.{name}", "count", value)

    def _write(self, place: str, form: Form, value: Any) -> str:
        text = text_of(value, form)
        html = Markup('<data data-key="{}" data-form="{}" value="{}">{}</data>')
        return html.format(place, form, "" if value is None else repr(value), text) if self.html else text

    def _place(self, row: Any, name: str) -> str:
        return f"{self._places[id(row)]}.{name}"


def _rows_of(record: Any, place: str = "") -> Iterator[tuple[Any, str]]:
    for field in fields(record):
        value, where = getattr(record, field.name), f"{place}{field.name}"
        several = isinstance(value, tuple)
        for number, entry in enumerate(value if several else (value,)):
            if is_dataclass(entry):
                found = f"{where}.{number}" if several else where
                yield entry, found
                yield from _rows_of(entry, f"{found}.")


def answer(numbers: Numbers) -> str:
    """Return the answer in a few sentences, with its qualifications, the effect on accuracy, and the missed kinds."""
    return " ".join(line for macro in ("in_short", "qualifications", "missed") for line in sentences(numbers, macro))


def facts(numbers: Numbers) -> list[str]:
    """Return all other results, one sentence each."""
    return [sentence for macro in ("why", "findings", "verdicts") for sentence in sentences(numbers, macro)]


def sentences(numbers: Numbers, macro: str, **more: Any) -> list[str]:
    """Return the sentences of a macro of words.jinja: in_short, qualifications, counts, ...; `more` has variables."""
    report, untold = numbers.report, defaultdict[tuple[str, int], list[Conclusion]](list)
    for one in report.conclusions:
        if one.reason is not None:
            untold[one.reason, one.trainings if one.reason == "few_trainings" else 0].append(one)
    variables = {
        "n": numbers,
        "report": report,
        "effects": {(one.model, one.train_rows, one.comparison): one for one in report.effects},
        "untold": [(reason, some) for (reason, _), some in untold.items()],
        "unlabelled": UNLABELLED,
        "hold_images": HOLD_IMAGES,
        "folder": quote(folder_for(report)),
        "mostly_missed": mostly_missed(report.searched),
        **more,
    }
    module = ENVIRONMENTS[numbers.html].get_template("words.jinja").make_module(variables)
    return [line for line in str(getattr(module, macro)()).split("\n") if line.strip()]


def mostly_missed(searched: Sequence[ChangedCopies]) -> str:
    """Return a sentence with the kinds of copies that a search mostly misses; names share words around a number.

    >>> kinds = "mirrored", "turned by 45 degrees", "turned by 90 degrees"
    >>> mostly_missed([ChangedCopies(kind, 0.0, 0.4) for kind in kinds])
    'Mostly missed are copies that are mirrored, turned by 45 or 90 degrees.'
    """
    alike = defaultdict[str, list[str]](list)
    for of in searched:
        if of.is_missed:
            alike[NUMBER.sub("{}", of.kind)].append("".join(NUMBER.findall(of.kind)))
    kinds = ", ".join(words.replace("{}", " or ".join(numbers)) for words, numbers in alike.items())
    return f"Mostly missed are copies that are {kinds}." if kinds else ""


def folder_for(report: Report) -> str:
    """Return a folder for the sanitized images that is outside all sources."""
    here = Place.of("sanitized")
    for source in report.spec.sources.values():
        if at(here).is_inside(Place.of(source)):
            return posixpath.normpath(f"{source}/../{Place.of(source).last}-sanitized")
    return here.last


def title_of(name: str) -> str:
    """Return the title of a figure by its file name without extension.

    >>> title_of("rows-test")
    'The first 200 rows of test, with their classes'
    """
    kind, _, of = name.partition("-")
    return TITLES[name] if name in TITLES else TITLES[kind].format(of)
