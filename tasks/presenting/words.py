"""The results of a run, in the sentences of words.jinja, and the titles of its figures."""

import posixpath
from collections import defaultdict
from shlex import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from tasks.presenting.numbers import Numbers
from tasks.records import Conclusion, Report
from tasks.storage import Place, at
from tasks.vocabulary import UNLABELLED

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
# Compiled at import, while a command waits for Prefect.
TEMPLATES = {html: environment.get_template("words.jinja") for html, environment in ENVIRONMENTS.items()}
TITLES = {
    "files": "20 files of each class of {}",
    "normalized": "The same images of {}, normalized",
    "rows": "The first 200 rows of {}, with their classes",
    "balance": "Rows of each class, before and after sanitizing",
    "thresholds": "Rows with a duplicate, by similarity",
    "precision": "Predicted precision of matches, by similarity",
    "learning-curves": "Accuracy by training size",
    "effects": "Effect of the duplicates on accuracy; the 95 % intervals are not corrected for multiple comparisons",
    "confusion": "Answers to raw test rows",
    "mistakes": "The most confident mistakes: class but answer, and how sure",
}


def answer(numbers: Numbers) -> str:
    """Return the answer in a few sentences, with the effect on accuracy."""
    return " ".join([*sentences(numbers, "headline"), *sentences(numbers, "effect")])


def facts(numbers: Numbers) -> list[str]:
    """Return all other results, one sentence each."""
    return [sentence for macro in ("why", "findings", "verdicts") for sentence in sentences(numbers, macro)]


def sentences(numbers: Numbers, macro: str) -> list[str]:
    """Return the sentences of a macro of words.jinja: headline, effect, in_short, qualifications, ...."""
    report, untold = numbers.report, defaultdict[tuple[str, int], list[Conclusion]](list)
    for one in report.conclusions:
        if one.reason is not None:
            untold[one.reason, one.trainings if one.reason == "few_trainings" else 0].append(one)
    module = TEMPLATES[numbers.html].make_module(
        {
            "n": numbers,
            "report": report,
            "effects": {(one.model, one.train_rows, one.comparison): one for one in report.effects},
            "untold": [(reason, some) for (reason, _), some in untold.items()],
            "unlabelled": UNLABELLED,
            "folder": quote(folder_for(report)),
        }
    )
    return [line for line in str(getattr(module, macro)()).split("\n") if line.strip()]


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
