"""Lists of a run that its page offers for saving."""

import base64
import csv
import io
from collections.abc import Iterator

from tasks.storage.place import Place
from tasks.storage.stores import at

MOST = 500_000  # bytes of a list in a page


def saved_lists(run: Place) -> list[dict[str, str]]:
    """Return the ``name``, ``title`` and ``uri`` of each list: of files to remove, and of all that do not just stay."""
    begins = "data:text/plain;charset=utf-8;base64,"
    return [
        {"name": name, "title": title, "uri": begins + base64.b64encode(text.encode()).decode()}
        for name, title, text in _lists(run)
        if 0 < len(text.encode()) <= MOST
    ]


def _lists(run: Place) -> Iterator[tuple[str, str, str]]:
    below = [f"remove/{name}" for name in at(run / "remove").names()] if at(run / "remove").is_folder() else []
    for name in ("remove.txt", *below):
        if at(run / name).is_file() and at(run / name).size() <= MOST:
            yield name.replace("/", "-"), "files to remove", at(run / name).read_text()
    if at(run / "actions.csv").is_file():
        yield "actions.csv", "what to do, why, and the duplicate of each", _in_question(run / "actions.csv")


def _in_question(actions: Place) -> str:
    """Return the header and the rows of images that go or should be looked at; if they are too many, some of them."""
    out = io.StringIO()
    with at(actions).reading() as file:
        rows, writer = csv.reader(io.TextIOWrapper(file, "utf-8", newline="")), csv.writer(out, lineterminator="\n")
        head = next(rows)
        action = head.index("action")
        for row in rows:
            if row[action] != "keep":
                writer.writerows([row] if out.tell() else [head, row])
            if out.tell() > MOST:
                break
    return out.getvalue()
