"""Which column of a table holds what: by the name that the user gives, or by usual names."""

from collections.abc import Iterable, Mapping

from tasks.errors import UsageError

Columns = Mapping[str, str]  # what a column holds (a key of USUAL) and its name
USUAL = {
    "path": ("path", "file", "filename", "file_name", "filepath", "image", "image_path"),
    "image": ("image", "img", "images", "picture", "photo", "bytes", "data"),
    "label": ("label", "labels", "fine_label", "class", "class_name", "category", "target", "y"),
    "split": ("split", "subset", "partition"),
    "group": ("group", "group_id", "patient", "patient_id", "subject", "subject_id"),
}


def find(what: str, names: Iterable[str], given: Columns, source: str) -> str | None:
    """Return the column that holds something, whatever the case of usual names; None if no column does.

    Raises
    ------
    UsageError
        When the column that was given is not there.

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
