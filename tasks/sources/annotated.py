"""Images with labels in other files: detection sets of YOLO, and shards of WebDataset.

A detection set has the labels of an image in a text file of ``labels``, next to ``images``. The class of an image is
the set of its labels, such as ``{cat, dog}``; an image without objects has the class ``{}``, and an image without a
label file is unlabelled.

Members of a shard with the same key form one sample. The key of a member is its path up to the first dot of its name.
``0001.cls``, or the entry ``label`` or ``class`` of ``0001.json``, has the class of ``0001.jpg``
(https://github.com/webdataset/webdataset).
"""

import json
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from tasks.columns import find
from tasks.errors import DataError
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.archive import Entry
from tasks.sources.layout import split_of_folder
from tasks.sources.members import Read
from tasks.sources.numbered import MAX_LABEL, row_name
from tasks.storage import Place, at
from tasks.vocabulary import SplitName

MAX_BYTES, MAX_SETTINGS, MAX_DEPTH = 4 << 20, 256 << 10, 16  # of a label file, and of settings
FACTS = (".cls", ".json")  # extensions of files that may contain a class
MAX_FACTS = 1 << 20  # bytes of a file to read for a class


class Annotated(NamedTuple):
    """The labels of images by split and path, None if unlabelled, and the files about them."""

    labels: dict[tuple[SplitName | None, str], set[str] | None]
    files: set[str]

    def entries(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the images as if in folders of splits and classes, and all other files with the kind ``beside``."""
        held = {entry.name: entry for entry in entries}
        for (split, path), labels in self.labels.items():
            label = None if labels is None else f"{{{', '.join(sorted(labels))}}}"
            if label and len(label) > MAX_LABEL:
                label = f"{{{len(labels or ())} labels, {sha256(label.encode()).hexdigest()[:16]}}}"
            yield held[path]._replace(name=row_name(split, label, path))
        for name in sorted(held.keys() - self.files - {path for _, path in self.labels}):
            yield held[name]._replace(kind="beside")


def read_annotated(root: Place, names: Collection[str]) -> Annotated | None:
    """Return the labels of a set, given the files of its folder; None for another; raises `DataError` for damage."""
    held = set(names)
    images = [path for path in names if "images" in path.split("/") and path.lower().endswith((*IMAGE_ENDINGS,))]
    files = {path: file for path in images if (file := label_file(path, held))}
    settings = settings_of(root, names) if files else {}
    labels = {path: _labels_in(root / file, settings.get("names", {})) for path, file in files.items()}
    found = {(split_of_folder(path), path): labels.get(path) for path in images}
    in_splits = {of: own for of, own in found.items() if of[0]}
    about = map(str, settings.values())  # such as the names of lists
    return Annotated(in_splits or found, {*files.values(), *about}) if files else None


def label_file(path: str, held: Collection[str]) -> str | None:
    """Return the label file of an image, such as ``labels/train/1.txt`` for ``images/train/1.jpg``, if it is `held`."""
    before, _, below = f"/{path}".rpartition("/images/")
    name = f"{before}/labels/{PurePosixPath(below).with_suffix('.txt')}"[1:]
    return name if name in held else None


def settings_of(root: Place, names: Iterable[str]) -> dict[str, Any]:
    """Return the YAML file of a set with the ``names`` of its classes, and its own as ``path``; {} without one."""
    for name in (name for name in names if "/" not in name and name.endswith((".yaml", ".yml"))):
        with _readable(root / name, MAX_SETTINGS) as text:
            depth = 0
            for event in yaml.parse(text):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):  # which takes or unpacks without end
                    raise ValueError("it is deeply nested, or has aliases")
            content = yaml.safe_load(text)
        if isinstance(content, dict) and isinstance(names_of := content.get("names"), list | dict):
            classes = dict(enumerate(names_of)) if isinstance(names_of, list) else names_of
            return content | {"names": classes, "path": name}
    return {}


def _labels_in(place: Place, classes: Mapping[int, Any]) -> set[str]:
    with _readable(place, MAX_BYTES) as text:
        numbers = {int(line.split()[0]) for line in text.splitlines() if line.strip()}
        return {str(classes.get(number, number)) for number in numbers}


@contextmanager
def _readable(place: Place, most: int) -> Iterator[str]:
    """Yield the text of a file of annotations; raises `DataError` if it is damaged or has more than `most` bytes."""
    try:
        if at(place).size() > most:
            raise ValueError(f"more than {most >> 10:,} KiB")
        yield at(place).read_text()
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise DataError(
            f"{place} is not a readable file of YOLO ({why}); correct it, or name the images' folder."
        ) from error


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
