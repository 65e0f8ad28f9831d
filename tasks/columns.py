"""Find the columns of a table by the user's names or by usual ones."""

import re
from collections.abc import Iterable, Mapping

from tasks.errors import UsageError

Columns = Mapping[str, str]  # use of a column (a key of USUAL) -> its name
USUAL = {
    "path": ("path", "file", "filename", "file_name", "filepath", "image", "image_path"),
    "image": ("image", "img", "images", "picture", "photo", "bytes", "data"),
    "label": (
        "label", "labels", "fine_label", "class", "class_name", "category", "target", "diagnosis", "dx", "finding", "y",
    ),
    "split": ("split", "subset", "partition"),
    "group": ("group", "group_id", "patient", "patient_id", "subject", "subject_id"),
}  # fmt: skip
GROUP = re.compile(r"(^|[^a-z])(patient|subject|case|study|slide|video|scene|site)s?($|[^a-z])", re.IGNORECASE)


def find(what: str, names: Iterable[str], given: Columns, source: str) -> str | None:
    """Return the column for a use, ignoring the case of usual names, or None.

    Raises `UsageError` when the column that the user named does not exist.

    >>> find("label", ["Path", "Class"], {}, "list.csv")
    'Class'
    """
    names = list(names)
    if what in given:
        if given[what] not in names:
            raise UsageError(f"{source} has no column {given[what]}; it has {', '.join(names) or 'none'}.")
        return given[what]
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[name] for name in USUAL[what] if name in lower), None)


def unlabelled(names: Iterable[str], used: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return a note about a table without a column of labels, if other columns may be one.

    `used` has the column of each use. Paths of stored images have a usual name, and are not taken for labels.

    >>> unlabelled(["path", "grade"], {"path": "path", "label": None})
    ('is read without labels. Its other columns are grade; `--columns label=NAME` names the one of labels.',)
    """
    left = [name for name in names if name not in used.values() and name.lower() not in USUAL["path"]]
    if not left or used["label"]:
        return ()
    advice = "`--columns label=NAME` names the one of labels"
    return (f"is read without labels. Its other columns are {', '.join(left)}; {advice}.",)


def group_column(names: Iterable[str], used: Mapping[str, str | None]) -> str:
    """Return the column of groups, or else one with a name of groups, or "".

    >>> group_column(["path", "Video ID", "suitcase"], {"path": "path", "group": None})
    'Video ID'
    """
    return used["group"] or next((name for name in names if name not in used.values() and GROUP.search(name)), "")
