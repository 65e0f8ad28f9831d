"""Numbers of a report by their place in report.json: what people read is made from these keys and from nothing else.

A key is a path like ``overlap.3.exact``; ``*`` sums over a list. Two keys joined by `` + ``, `` - `` or `` / `` are a
number of their own, so that a share says what it is a share of.
"""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from tasks.records import Report

Show = Callable[[str, str], str]  # key and form of a number -> its text
NOTHING = "-"
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    " / ": lambda part, whole: part / whole if whole else None,
    " + ": operator.add,
    " - ": operator.sub,
}
FORMS: dict[str, Callable[[Any], str]] = {
    "count": lambda value: f"{value:,}",
    "percent": lambda value: f"{100 * value:.1f} %",
    "accuracy": lambda value: f"{100 * value:.1f}",
    "points": lambda value: f"{value:+z.1f}",  # z: what rounds to nothing has no minus
    "size": lambda value: f"{value:z.1f}",
    "similarity": lambda value: f"{value:.2f}",
    "probability": lambda value: f"{value:.4f}",
    "moment": lambda value: f"{value:.4f}",
}


def measure(report: Report, key: str) -> Any:
    """Return the number at a key; None where the report has none.

    Raises
    ------
    LookupError
        When the report has no such place.
    """
    for sign, operation in OPERATIONS.items():
        left, found, right = key.rpartition(sign)
        if found:
            return operation(measure(report, left), measure(report, right))
    first, *rest = key.split(".")
    return _walk(getattr(report, first), rest)


def _walk(value: Any, path: list[str]) -> Any:
    if not path:
        return value
    step, *rest = path
    if step == "*":
        return reduce(operator.add, (_walk(entry, rest) for entry in value), 0)
    return _walk(value[int(step)] if isinstance(value, list) else value[step], rest)


def text_of(value: Any, form: str) -> str:
    """Return a number in one of the forms; a number that does not exist as a dash.

    >>> text_of(0.125, "percent"), text_of(1234, "count"), text_of(None, "points")
    ('12.5 %', '1,234', '-')
    """
    return NOTHING if value is None else FORMS[form](value)


def plain(report: Report) -> Show:
    """Return a function that shows numbers as plain text."""
    return lambda key, form: text_of(measure(report, key), form)


def place(report: Report, name: str, **facts: Any) -> str:
    """Return the key of the entry of a list that has these facts.

    Raises
    ------
    LookupError
        When there is none.
    """
    for number, entry in enumerate(getattr(report, name)):
        if all(entry[fact] == value for fact, value in facts.items()):
            return f"{name}.{number}"
    raise LookupError(f"{name} has no entry with {facts}")
