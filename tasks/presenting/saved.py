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
    found = [(name, "files to remove", disk.read_text(place)) for name, place in lists if disk.is_file(place)]
    if disk.is_file(run / "actions.csv"):
        found.append(
            ("actions.csv", "what to do, why, and the twin of each", _in_question(disk.read_text(run / "actions.csv")))
        )
    return [Saved(name, title, _uri(text)) for name, title, text in found if 0 < len(text) <= MOST]


def _in_question(actions: str) -> str:
    """Return the header and the rows of images that go or should be looked at."""
    out = io.StringIO()
    head, *rows = csv.reader(io.StringIO(actions, newline=""))
    kept = [row for row in rows if row[head.index("action")] != "keep"]
    csv.writer(out, lineterminator="\n").writerows([head, *kept] if kept else [])
    return out.getvalue()


def _uri(text: str) -> str:
    return f"data:text/plain;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
