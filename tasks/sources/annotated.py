"""Labels in files: of YOLO or Pascal VOC, one per image, in JSON files of COCO, or in tables.

The class of an image is the set of its labels, such as ``{cat, dog}``; an image without objects has the class ``{}``,
and an image without annotations is unlabelled.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain
from pathlib import PurePosixPath
from posixpath import dirname, splitext
from typing import Any, NamedTuple, Self
from xml.etree import ElementTree

import yaml

from tasks.columns import Columns
from tasks.formats import is_image_name
from tasks.sources.archive import Entry
from tasks.sources.coco import MAX_LIST, documents, ends, readable
from tasks.sources.labels import Table, label_tables
from tasks.sources.layout import are_flat, is_metadata, some, split_of_folder
from tasks.sources.masks import MASK
from tasks.sources.numbered import MAX_LABEL, row_name
from tasks.storage import Place
from tasks.vocabulary import SPLIT_FOLDERS, SplitName, counted

FOLDERS = (("images", "labels", ".txt"), ("JPEGImages", "Annotations", ".xml"), ("images", "annotations", ".xml"))
MAX_BYTES, MAX_SETTINGS, MAX_DEPTH = 4 << 20, 256 << 10, 16  # of a label file, and of settings


class Annotated(NamedTuple):
    """The labels of images by split and path, None if unlabelled, and the files about them."""

    labels: dict[tuple[SplitName | None, str], set[str] | None]
    files: set[str]
    notes: tuple[str, ...] = ()
    is_whole: bool = False  # whether files without labels, above the folders of splits, name all images

    @property
    def has_labels(self) -> bool:
        """Whether any image has labels."""
        return any(labels is not None for labels in self.labels.values())

    def with_labels(self) -> Self:
        """Return the only split that has labels, with a note about the others; all splits if several have labels."""
        splits = {split for (split, _), labels in self.labels.items() if labels is not None}
        others = Counter(str(split) for split, _ in self.labels if split not in splits)
        if len(splits) != 1 or not others:
            return self
        left = some([f"{split} ({count:,})" for split, count in others.items()])
        note = f"the images of {left} have no labels and are left out; `cleansplit audit` compares all splits."
        labels = {of: own for of, own in self.labels.items() if of[0] in splits}
        return self._replace(labels=labels, notes=(*self.notes, note))

    def entries(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the images as if in folders of splits and classes, and others but masks with the kind ``beside``."""
        held = {entry.name: entry for entry in entries}
        for (split, path), labels in self.labels.items():
            label = None if labels is None else f"{{{', '.join(sorted(labels))}}}"
            if label and len(label) > MAX_LABEL:
                digest = sha256(label.encode(errors="replace")).hexdigest()[:16]
                label = f"{{{len(labels or ())} labels, {digest}}}"
            entry = held.get(path, Entry(path, "missing"))
            yield entry._replace(name=row_name(split, label, path), pages=0)  # labels are of the whole file
        for name in sorted(held.keys() - self.files - {path for _, path in self.labels}):
            yield held[name] if held[name].kind == MASK else held[name]._replace(kind="beside")


def read_annotated(root: Place, names: Collection[str], columns: Columns) -> Annotated:
    """Return the labels of a detection set, given the files of its folder; none for a folder without labels in files.

    A list or the name of a JSON file has the split of an image, or else its folder. Raises `DataError` for damage.
    """
    held, parents = set(names), {images for images, _, _ in FOLDERS}
    beside = any(name.endswith(".xml") for name in names)
    every = [path for path in names if is_image_name(path)]
    inside = [path for path in every if parents & {*path.split("/")}]
    splits = {None, *map(split_of_folder, inside)}  # other splits may have their images without such a folder
    images = [*inside, *(path for path in every if split_of_folder(path) not in splits)] if inside else every * beside
    files = {path: file for path in images if (file := label_file(path, held))}
    found = _of_files(root, names, images, files) if files else Annotated({}, set())
    if not found.has_labels:
        found = _of_documents(root, names, columns)
    if not (found.has_labels or found.is_whole):
        return Annotated({}, found.files, found.notes)
    of_splits = {of: labels for of, labels in found.labels.items() if of[0]}
    left = sorted({path for of, path in found.labels if of is None} - {path for _, path in of_splits})
    notes = () if found.has_labels else found.notes
    if of_splits and left:
        such = f"{counted(len(left), 'image')} such as {left[0]}"
        notes += (f"left out, because no list and no folder tells the split: {such}.",)
    return Annotated(of_splits or found.labels, found.files, notes)


def _of_files(root: Place, names: Collection[str], images: Collection[str], files: Mapping[str, str]) -> Annotated:
    settings, lists = settings_of(root, names), lists_of(names)
    splits = defaultdict[str | None, set[SplitName | None]](set)
    for name, split in lists.items():
        for _, path in read_list(root, name, images) if split else ():
            splits[path].add(split)
    found = Annotated({}, {*files.values(), *lists, *map(str, settings.values())})  # such as the names of lists
    for path in images:
        labels = _labels_in(root / files[path], settings.get("names", {})) if path in files else None
        for own in sorted(splits[path], key=str) or [split_of_folder(path)]:
            found.labels[own, path] = labels
    return found


def _of_documents(root: Place, names: Collection[str], columns: Columns) -> Annotated:
    found, without, above = Annotated({}, set()), defaultdict[str, list[str]](list), list[str]()
    held, folders = set(names), set[str]()  # folders with images that COCO lists; other images there are background
    for document in chain(documents(root, names), label_tables(root, names, columns)):
        found.files.update([document.name] if document.paths else [])
        without[document.note].append(document.name)
        if not isinstance(document, Table):
            folders.update(dirname(path) for path in document.paths.values() if path in held)
        if not split_of_folder(document.name) and any(map(split_of_folder, document.paths.values())):
            above.append(document.name)
        for image, path in document.paths.items():
            key = document.split or split_of_folder(path), path
            before, labels = found.labels.get(key), document.labels[image]
            found.labels[key] = labels if before is None else before | (labels or set())
    splits = {split for split, _ in found.labels}
    for path in names if splits and None not in splits else ():
        if (split := split_of_folder(path)) not in {None, *splits} and is_image_name(path):
            found.labels[split, path] = None  # such as all of test2017
    images = [path for path in names if (above or folders) and is_image_name(path) and not is_metadata(path)]
    listed = {path for _, path in found.labels}
    is_whole = bool(above) and are_flat(images) and listed.issuperset(images)
    unlisted = (path for path in images if path not in listed and dirname(path) in folders)
    found.labels.update({(split_of_folder(path), path): None for path in unlisted})
    notes = [f"Images are named but not labelled by {some(sorted(own))}; {why}." for why, own in without.items() if why]
    if above and not is_whole:
        notes.append(f"Not written with these images: {some(above)}, above the folders of splits.")
    return found._replace(notes=tuple(notes), is_whole=is_whole)


def label_file(path: str, held: Collection[str]) -> str | None:
    """Return the held label file of an image: ``labels/1.txt`` for ``images/1.jpg``, or ``1.xml`` in its folder."""
    for images, labels, ending in FOLDERS:
        before, found, below = f"/{path}".rpartition(f"/{images}/")
        name = f"{before}/{labels}/{splitext(below)[0]}{ending}"[1:]
        if found and name in held:
            return name
    return beside if (beside := f"{splitext(path)[0]}.xml") in held else None


def settings_of(root: Place, names: Iterable[str]) -> dict[str, Any]:
    """Return the YAML file of a set with the ``names`` of its classes, and its own as ``path``; {} without one."""
    for name in (name for name in names if "/" not in name and name.endswith((".yaml", ".yml"))):
        with readable(root / name, MAX_SETTINGS) as data:
            depth = 0
            for event in yaml.parse(data):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                if depth > MAX_DEPTH or isinstance(event, yaml.AliasEvent):  # which takes or unpacks without end
                    raise ValueError("it is deeply nested, or has aliases")
            content = yaml.safe_load(data)
        if isinstance(content, dict) and isinstance(names_of := content.get("names"), list | dict):
            classes = dict(enumerate(names_of)) if isinstance(names_of, list) else names_of
            return content | {"names": classes, "path": name}
    return {}


def lists_of(names: Iterable[str]) -> dict[str, SplitName | None]:
    """Return the lists of images, of VOC or at the top, such as ``train.txt``, with the split in the name of each."""
    texts = (PurePosixPath(name) for name in names if name.endswith(".txt"))
    lists = {str(text): text.stem.rstrip("0123456789") for text in texts if text.parent.name in ("", "Main")}
    return {name: SPLIT_FOLDERS.get(stem) for name, stem in lists.items() if "/" in name or stem in SPLIT_FOLDERS}


def read_list(root: Place, name: str, images: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Yield the lines of a list, each with its image, or None if that is not one of `images`."""
    known = {splitext(path)[0]: path for path in images} | {path: path for path in images}
    before, voc, _ = f"/{name}".rpartition("/ImageSets/")
    with readable(root / name, MAX_LIST) as data:
        for line in data.decode().splitlines(keepends=True):
            first = "".join(line.split()[:1])
            paths = (f"{before}/{folder}/{first}"[1:] for folder, _, _ in FOLDERS) if voc else ends(line)
            yield line, next((known[path] for path in paths if path in known), None)


def _labels_in(place: Place, classes: Mapping[int, Any]) -> set[str] | None:
    with readable(place, MAX_BYTES) as data:
        text = data.decode()
        if place.name.endswith(".txt"):
            numbers = {int(line.split()[0]) for line in text.splitlines() if line.strip()}
            return {str(classes.get(number, number)) for number in numbers}
        if "<!DOCTYPE" in text:
            raise ValueError("it has a document type")  # whose entities can unpack without end
        found = ElementTree.fromstring(text)  # noqa: S314  # see above
        names = {(each.findtext("name") or "").strip() for each in found.iterfind("object")}
        return names if found.tag == "annotation" else None  # other files about an image
