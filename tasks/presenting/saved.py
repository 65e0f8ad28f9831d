"""Lists of a run that its page offers for saving."""

import base64
import csv
import io
from typing import NamedTuple

from tasks.storage import disk
from tasks.storage.place import Place

MOST = 500_000  # bytes of a list that a page carries


class Saved(NamedTuple):
    """A list as a file: its name, what it is, and its content as a URI."""

    name: str
    title: str
    uri: str


def saved_lists(run: Place) -> list[Saved]:
    """Return the files to remove, one list per split, and what to do with every image that does not just stay."""
    lists = [("remove.txt", run / "remove.txt")]
    if disk.is_folder(run / "remove"):
        lists += [(f"remove-{name}", run / "remove" / name) for name in disk.names_in(run / "remove")]
    short = [(name, place) for name, place in lists if disk.is_file(place) and disk.size_of(place) <= MOST]
    found = [(name, "files to remove", disk.read_text(place)) for name, place in short]
    if disk.is_file(run / "actions.csv"):
        found.append(("actions.csv", "what to do, why, and the twin of each", _in_question(run / "actions.csv")))
    listed = [(name, title, text.encode()) for name, title, text in found if 0 < len(text) <= MOST]
    begins = "data:text/plain;charset=utf-8;base64,"
    return [Saved(name, title, begins + base64.b64encode(data).decode()) for name, title, data in listed]


def _in_question(actions: Place) -> str:
    """Return the header and the rows of images that go or should be looked at; if they are too many, some of them."""
    out = io.StringIO()
    with disk.reading(actions) as file:
        rows, writer = csv.reader(io.TextIOWrapper(file, "utf-8", newline="")), csv.writer(out, lineterminator="\n")
        head = next(rows)
        action = head.index("action")
        for row in rows:
            if row[action] != "keep":
                writer.writerows([row] if out.tell() else [head, row])
            if out.tell() > MOST:
                break
    return out.getvalue()
