"""The results of a run, in the sentences of words.jinja."""

from collections import defaultdict

from jinja2 import Environment, PackageLoader, StrictUndefined

from tasks.presenting.numbers import Numbers
from tasks.records import Conclusion
from tasks.vocabulary import UNLABELLED

TEMPLATES = {  # for text and HTML, compiled at import, while a command waits for Prefect
    html: Environment(
        loader=PackageLoader("tasks.presenting", "."),
        autoescape=html,  # noqa: S701  # text for the terminal is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("words.jinja")
    for html in (False, True)
}


def answer(numbers: Numbers) -> str:
    """Return the answer in a few sentences, with the effect on accuracy."""
    return f"{headline(numbers)} {effect_in_short(numbers)}".strip()


def headline(numbers: Numbers) -> str:
    """Return the answer in a few sentences; doubts about it come first."""
    return " ".join(sentences(numbers, "headline"))


def effect_in_short(numbers: Numbers) -> str:
    """Return the effect of the duplicates on accuracy; empty without training."""
    return " ".join(sentences(numbers, "effect"))


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
        }
    )
    return [line for line in str(getattr(module, macro)()).split("\n") if line.strip()]
