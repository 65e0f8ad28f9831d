"""The number that a key of the page names, found in the content of report.json by nothing but the key."""

import operator
from collections.abc import Callable
from typing import Any

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    " / ": lambda part, whole: part / whole if whole else None,
    " + ": operator.add,
    " - ": operator.sub,
}


def measure(content: Any, key: str) -> Any:
    """Return the number at a key; None where the report has none.

    A key is a path like ``overlap.3.exact``; ``*`` sums over a list; two joined by `` / ``, `` + `` or `` - `` are a
    number of their own.

    Raises
    ------
    LookupError
        When the report has no such place.

    >>> content = {"rows": [{"all": 8, "bad": 2}, {"all": 2, "bad": 0}], "none": 0}
    >>> measure(content, "rows.0.bad"), measure(content, "rows.*.all"), measure(content, "rows.0.bad / rows.0.all")
    (2, 10, 0.25)
    >>> measure(content, "rows.0.all - rows.1.all"), measure(content, "rows.0.bad / none")
    (6, None)
    """
    for sign, operation in OPERATIONS.items():
        left, found, right = key.rpartition(sign)
        if found:
            return operation(measure(content, left), measure(content, right))
    return _walk(content, key.split("."))


def _walk(value: Any, path: list[str]) -> Any:
    if not path:
        return value
    step, *rest = path
    if step == "*":
        return sum(_walk(entry, rest) for entry in value)
    return _walk(value[int(step)] if isinstance(value, list) else value[step], rest)
