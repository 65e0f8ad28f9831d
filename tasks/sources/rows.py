"""List rows of Parquet files, arrays, pickles or a manifest as if they were files."""

from collections.abc import Iterator

from tasks.formats import ENDING_OF, format_of
from tasks.sources.archive import MAX_MEMBER_BYTES, Entry
from tasks.sources.members import content_digest
from tasks.sources.numbered import Rows
from tasks.storage.place import Place
from tasks.storage.stores import at


def read_rows(rows: Rows) -> Iterator[Entry]:
    """Yield every row; `offset` is its number. A row without an image is of kind ``missing``."""
    groups = rows.groups or [None] * len(rows.names)
    for number, (name, group) in enumerate(zip(rows.names, groups, strict=True)):
        data = rows.read(number)
        if not rows.endings:
            name += ENDING_OF.get(format_of(data or b"") or "PNG", ".png")
        if data is None:
            yield Entry(name, "missing", number, 0, b"", group)
        else:
            digest = content_digest(data) if len(data) <= MAX_MEMBER_BYTES else b""
            yield Entry(name, "file", number, len(data), digest, group)


def files_beside(rows: Rows, place: Place) -> Iterator[Entry]:
    """Yield what lies in the folder of rows and holds none, of kind ``beside``: nothing is skipped in silence."""
    if at(place).is_folder():
        for listed in at(place).walk():
            if listed.name not in rows.files:
                yield Entry(listed.name, "beside", 0, 0, b"")
