"""Shards of WebDataset, where members with the same key form one sample.

The key of a member is its path up to the first dot of its name. ``0001.cls``, or the entry ``label`` or ``class`` of
``0001.json``, has the class of ``0001.jpg`` (https://github.com/webdataset/webdataset).
"""

import json
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import suppress

from tasks.columns import find
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.archive import Entry
from tasks.sources.layout import split_of_folder
from tasks.sources.members import ReadBytes
from tasks.sources.numbered import row_name

FACTS = (".cls", ".json")  # extensions of files that may contain a class
MAX_FACTS = 1 << 20  # bytes of a file to read for a class


def named_by_class(entries: Sequence[Entry], read: ReadBytes, prefix: str) -> list[Entry]:
    """Rename the members of a shard as if in class folders; return other archives unchanged.

    `read` returns the bytes of a member by offset and size; `prefix` precedes keys, which may recur in other shards.
    """
    labels = dict(_labels(entries, read))
    if labels.keys().isdisjoint(key for key, ending in map(_parts, entries) if ending in IMAGE_ENDINGS):
        return list(entries)
    return [_named(entry, labels, prefix) for entry in entries]


def _named(entry: Entry, labels: dict[str, str], prefix: str) -> Entry:
    key, ending = _parts(entry)
    if entry.kind == "file" and ending not in IMAGE_ENDINGS:
        return entry._replace(kind="beside")
    split = None if prefix else split_of_folder(entry.name)
    own = posixpath.normpath(entry.name).replace("/", "-")
    return entry._replace(name=row_name(split, labels.get(key), prefix + own))


def _labels(entries: Sequence[Entry], read: ReadBytes) -> Iterator[tuple[str, str]]:
    """Yield keys and their classes; JSON, which other images have as well, counts only without class folders."""
    flat = len({posixpath.dirname(key) for key, ending in map(_parts, entries) if ending in IMAGE_ENDINGS}) == 1
    for entry in entries:
        key, ending = _parts(entry)
        if ending in FACTS and entry.size <= MAX_FACTS:
            with suppress(ValueError, RecursionError):
                text = read(entry.offset, entry.size).decode()
                if label := text.strip() if ending == ".cls" else _label_in(json.loads(text)) if flat else None:
                    yield key, label


def _label_in(facts: object) -> str | None:
    label = facts.get(find("label", facts, {}, "")) if isinstance(facts, dict) else None
    return str(label) if isinstance(label, (str, int)) else None


def _parts(entry: Entry) -> tuple[str, str]:
    """Return the key of a member, and of a file the part after the first dot.

    That is ``.seg.png`` for ``0001.seg.png``, which is not the image of its sample.
    """
    folder, name = posixpath.split(entry.name)
    key, dot, ending = name.partition(".")
    return posixpath.join(folder, key), (dot + ending).lower() if entry.kind == "file" else ""
