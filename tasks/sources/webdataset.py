"""Recognise shards of WebDataset, where members with the same key form one sample: an image, its class, and more.

The key of a member is its path up to the first dot of its name. ``0001.cls``, or the entry ``label`` or ``class`` of
``0001.json``, has the class of ``0001.jpg`` (https://github.com/webdataset/webdataset).
"""

import json
import posixpath
from collections.abc import Iterator, Sequence

from tasks.columns import find
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.archive import Entry
from tasks.sources.members import Read
from tasks.sources.numbered import row_name

FACTS = (".cls", ".json")  # extensions of files that may contain a class
MAX_FACTS = 1 << 20  # bytes of a file to read for a class


def named_by_class(entries: Sequence[Entry], read: Read, prefix: str) -> list[Entry]:
    """Rename the members of a shard as if in class folders; return other archives unchanged.

    `read` returns the bytes of a member by offset and size; `prefix` precedes keys, which may recur in other shards.
    """
    labels = dict(_labels(entries, read))
    if not any(_is_image(entry) and _key(entry) in labels for entry in entries):
        return list(entries)
    return [_named(entry, labels, prefix) for entry in entries]


def _named(entry: Entry, labels: dict[str, str], prefix: str) -> Entry:
    if entry.kind == "file" and not _is_image(entry):
        return entry._replace(kind="beside")
    member = prefix + posixpath.basename(entry.name)
    return entry._replace(name=row_name(None, labels.get(_key(entry)), member))


def _labels(entries: Sequence[Entry], read: Read) -> Iterator[tuple[str, str]]:
    """Yield keys and their classes; JSON, which other images have as well, counts only without class folders."""
    flat = len({posixpath.dirname(entry.name) for entry in entries if _is_image(entry)}) == 1
    for entry in entries:
        ending = _ending(entry)
        if entry.kind != "file" or entry.size > MAX_FACTS or ending not in FACTS:
            continue
        try:
            text = read(entry.offset, entry.size).decode()
            label = text.strip() if ending == ".cls" else _label_in(json.loads(text)) if flat else None
        except (ValueError, RecursionError):
            continue
        if label:
            yield _key(entry), label


def _label_in(facts: object) -> str | None:
    column = find("label", facts, {}, "") if isinstance(facts, dict) else None
    label = facts[column] if column is not None and isinstance(facts, dict) else None
    return str(label) if isinstance(label, (str, int)) else None


def _is_image(entry: Entry) -> bool:
    return entry.kind == "file" and _ending(entry) in IMAGE_ENDINGS


def _key(entry: Entry) -> str:
    folder, name = posixpath.split(entry.name)
    return posixpath.join(folder, name.partition(".")[0])


def _ending(entry: Entry) -> str:
    """Return the part after the first dot: ``.seg.png`` for ``0001.seg.png``, which is not the image of its sample."""
    _, dot, ending = posixpath.basename(entry.name).partition(".")
    return (dot + ending).lower()
