"""Find the columns of a table by the user's names or by usual ones."""

from collections.abc import Iterable, Mapping

from tasks.errors import UsageError

Columns = Mapping[str, str]  # use of a column (a key of USUAL) -> its name
USUAL = {
    "path": ("path", "file", "filename", "file_name", "filepath", "image", "image_path"),
    "image": ("image", "img", "images", "picture", "photo", "bytes", "data"),
    "label": ("label", "labels", "fine_label", "class", "class_name", "category", "target", "y"),
    "split": ("split", "subset", "partition"),
    "group": ("group", "group_id", "patient", "patient_id", "subject", "subject_id"),
}


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
