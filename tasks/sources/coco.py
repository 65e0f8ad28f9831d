"""COCO's JSON files, with lists of images, categories and annotations."""

import csv
import json
import posixpath
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Self

from yaml import YAMLError

from tasks.errors import DataError
from tasks.formats import IMAGE_ENDINGS
from tasks.sources.layout import is_below, split_of_folder
from tasks.sources.numbered import split_in
from tasks.storage import Place, at
from tasks.vocabulary import SplitName

MAX_LIST, MAX_NAME = 1 << 30, 1024  # of a file about many images, and of the name of one
FORM = re.compile(rb'"(?:images|annotations)"\s*:\s*\[\s*\{[^{}]*"(?:file_name|image_id)"')
IMAGE = {"images": "id", "annotations": "image_id"}  # the key of an image's id in the entries of two lists
DECODE = json.JSONDecoder().raw_decode
BETWEEN = re.compile(r"[][:, \t\r\n]*")  # characters between strings, numbers and objects


class Document(NamedTuple):
    """A JSON file; by id, the paths of its images, or names of missing ones, and labels, None without any category."""

    name: str
    split: SplitName | None
    data: bytes
    paths: dict[Any, str]
    labels: dict[Any, set[str] | None]
    note: str = ""  # advice if no image has a label

    def only(self, stay: Collection[str]) -> bytes:
        """Return the file with the images that stay, by path, and their annotations; these entries keep their bytes."""
        text, pieces, end = self.data.decode(), list[str](), 0
        for key, group in groupby(_entries(text), itemgetter(0)):
            if key in IMAGE:
                found = [(entry[IMAGE[key]], place) for _, entry, place in group]
                kept = (text[place] for image, place in found if self.paths.get(image) in stay)
                pieces += text[end : found[0][1].start], ", ".join(kept)
                end = found[-1][1].stop
        return "".join([*pieces, text[end:]]).encode()

    def with_images(self, sizes: Mapping[str, tuple[int, int]]) -> Self:
        """Return the document with more images, given the width and height of each by path; they get new ids."""
        text, new = self.data.decode(), 1 + max((image for image in self.paths if isinstance(image, int)), default=0)
        *_, last = ((entry, place) for key, entry, place in _entries(text) if key == "images")
        before = self.paths[last[0]["id"]].removesuffix(str(last[0]["file_name"]))
        images = dict(enumerate(sizes, new))
        entries = [
            {"id": image, "file_name": path.removeprefix(before), "width": sizes[path][0], "height": sizes[path][1]}
            for image, path in images.items()
        ]
        text = ", ".join([text[: last[1].stop], *map(json.dumps, entries)]) + text[last[1].stop :]
        return self._replace(data=text.encode(), paths=self.paths | images)


def documents(root: Place, names: Collection[str]) -> Iterator[Document]:
    """Yield the JSON files of COCO that have an image of the folder, given its files; raises `DataError` for damage."""
    listed = [name for name in names if name.lower().endswith(".json")]
    held = by_stem(names if listed else ())
    for name in listed:
        split = split_in(posixpath.basename(name)) or split_of_folder(name)
        with readable(root / name, MAX_LIST) as data:
            images, labels = _facts(data.decode() if FORM.search(data) else "{}")
            paths = {called: path_named(called, split, held) for called in dict.fromkeys(images.values())}
        if not {*names}.isdisjoint(paths.values()):
            yield Document(name, split, data, {image: paths[called] for image, called in images.items()}, labels)


def _facts(text: str) -> tuple[dict[Any, str], dict[Any, set[str] | None]]:
    """Return the names and the labels of images by id."""
    images, categories, found = dict[Any, str](), dict[Any, Any](), defaultdict[Any, set[Any]](set)
    for key, entry, _ in _entries(text):
        if key == "images":
            if entry["id"] in images:
                raise ValueError(f"two images have the id {entry['id']}")
            images[entry["id"]] = str(entry["file_name"])
        elif key == "categories":
            categories[entry["id"]] = entry["name"]
        elif key == "annotations" and entry.get("category_id") is not None:
            found[entry["image_id"]].add(entry["category_id"])
    if not found:
        return images, dict.fromkeys(images)
    return images, {image: {str(categories.get(one, one)) for one in found.get(image, ())} for image in images}


def by_stem(paths: Iterable[str]) -> Mapping[str, list[str]]:
    """Return the paths of images by their whole path, and by their name without its folders and extension."""
    found = defaultdict[str, list[str]](list)
    for path in paths:
        for key in {path, stem_of(path)}:
            found[key].append(path)
    return found


def path_named(called: str, split: SplitName | None, held: Mapping[str, list[str]], folder: str | None = None) -> str:
    """Return the path that ends with a name, of several the one of the split, or a path that the name ends with.

    A table names images below its `folder`, and none of another split.
    """
    first, *others = ends(called)
    whole = posixpath.normpath(posixpath.join(folder or "", first))
    if folder is not None and whole in held.get(whole, ()):
        return whole
    near = [path for path in held.get(stem_of(first), ()) if f"/{first}" in f"/{path}" and is_below(path, folder or "")]
    if folder is None and not near:
        near = [end for end in others if end in held.get(end, ())][:1]
    own = [path for path in near if split_of_folder(path) == split]
    own = own or [path for path in near if None in (folder, split, split_of_folder(path))]
    if len(own) > 1:
        raise ValueError(f"{called} is the name of {own[0]} and {own[1]}")
    if not own and whole.startswith("../"):
        raise ValueError(f"{called} leads out of the folder")
    return own[0] if own else whole


def stem_of(path: str) -> str:
    """Return the last name in a path, without the extension of an image."""
    stem, ending = posixpath.splitext(posixpath.basename(path))
    return stem if ending.lower() in IMAGE_ENDINGS else stem + ending


def ends(name: str) -> Iterator[str]:
    """Yield the path in a name, and the path without its first folders, such as ``a/b/c``, ``b/c`` and ``c``."""
    path = posixpath.normpath(name[-MAX_NAME:].strip().replace("\\", "/"))
    while path:
        yield path
        path = path.partition("/")[2]


def _entries(text: str) -> Iterator[tuple[str, Any, slice]]:
    """Yield the objects in a JSON object and its lists, each with the string before it, and its place in the text."""
    key, end = "", text.index("{") + 1
    while (gap := BETWEEN.match(text, end)) and not text.startswith("}", start := gap.end()):
        value, end = DECODE(text, start)
        if isinstance(value, dict):
            yield key, value, slice(start, end)
        elif isinstance(value, str):
            key = value


@contextmanager
def readable(place: Place, most: int, what: str = "file of annotations") -> Iterator[bytes]:
    """Yield a file about images, in UTF-8; raises `DataError` if it is damaged or has more than `most` bytes."""
    try:
        if at(place).size() > most:
            raise ValueError(f"more than {most >> 10:,} KiB")
        data = at(place).read_bytes()
        yield data.decode("utf-16").encode() if data[:2] in (BOM_UTF16_BE, BOM_UTF16_LE) else data
    except (ValueError, LookupError, TypeError, RecursionError, SyntaxError, YAMLError, csv.Error) as error:
        why = " ".join(f"{'no ' if isinstance(error, KeyError) else ''}{error}".split())
        raise DataError(f"{place} is not a readable {what} ({why}); correct or remove it.") from error
