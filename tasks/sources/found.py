"""Sources that a command does not read directly: a description of each, and a command that reads it.

A function of `LAYOUTS` recognises one layout by the names of members, or returns None; the first that recognises a
source describes it.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from shlex import quote

from tasks.errors import DataError, UsageError
from tasks.formats import is_image_name
from tasks.records import Source
from tasks.sources.layout import NAMED, common_root, is_metadata, some, split_folders, split_of_folder
from tasks.sources.listing import Listing
from tasks.sources.manifest import ENDINGS
from tasks.sources.numbered import split_in
from tasks.storage import Place, at, disk
from tasks.vocabulary import SPLIT_FOLDERS, SPLITS, UNLABELLED, SplitName, counted

AUDIT, DEDUPE = "cleansplit audit", "cleansplit dedupe"
Layout = tuple[str, str] | None  # description of a source, and a command
ARCHIVES = r"(\.tar(\.\w+)?|\.tgz|\.zip)$"
TABLES = rf"({'|'.join(map(re.escape, (*ENDINGS, '.npy', '.npz')))})$"
BATCHES = r"(^|/)(data_batch_\d+$|[^/]*-images-idx3-ubyte)"  # of CIFAR and MNIST


class Held:
    """Members of a source: images by folder, the paths of other files, and the others by kind."""

    def __init__(self, source: Source, listing: Listing) -> None:
        self.source, self.images = source, Counter[str]()
        self.files: list[str] = []
        self.others: list[tuple[str, str]] = []
        for entry in (entry for entry in listing.entries() if not is_metadata(entry.name)):
            if entry.kind != "file":
                self.others.append((entry.kind, entry.name))
            elif is_image_name(entry.name):
                self.images[posixpath.dirname(entry.name)] += 1
            else:
                self.files.append(entry.name)
        self.root = common_root(set(self.images))
        self.counts = Counter[str]()  # of images, in and below each folder of the root
        for folder, count in self.images.items():
            below = folder[len(self.root) :].strip("/").partition("/")[0]
            self.counts[posixpath.join(self.root, below)] += count
        self.children = sorted(self.counts)
        is_folder, last = source.bytes is None, posixpath.basename(source.name)
        self.folder = source.name.rstrip("/") if is_folder else f"{last.partition('.')[0]}-unpacked"
        self.reads = {"root": AUDIT, "source": DEDUPE}.get(source.role, f"--{source.role}")

    def path(self, below: str) -> str:
        """Return the path of a part of the unpacked source, quoted for a command."""
        return quote(posixpath.join(self.folder, below))

    def called(self, pattern: str) -> list[str]:
        """Return the paths of matching files, in any case, that are not named like images."""
        return [path for path in self.files if re.search(pattern, path, re.IGNORECASE)]

    def described(self) -> str:
        """Return the number of images, and the count of each of the first folders unless the images are flat."""
        total = counted(self.images.total(), "image")
        if set(self.images) <= {"", UNLABELLED}:
            return total
        shares = [f"{name or 'no folder'} ({self.counts[name]:,})" for name in self.children[:NAMED]]
        return f"{total} in {some([*shares, *self.children[NAMED:]])}".replace(f"{UNLABELLED}/", "")

    def without_images(self) -> str:
        """Return the counts of the files by ending, and of the other members by kind."""
        endings = Counter(posixpath.splitext(path)[1].lower() or "without an ending" for path in self.files)
        kinds = Counter(kind for kind, _ in self.others)
        counts = some([f"{count:,} {kind}" for kind, count in (endings + kinds).most_common()])
        such = f" ({self.others[0][1]} is {self.others[0][0]})" if self.others else ""
        return f"holds no images, but {counts}{such}" if counts else "is empty"

    def audit(self, splits: dict[SplitName, str]) -> str:
        """Return the command that compares parts of the source, using validation as test if test is missing."""
        last: dict[str, str] = {"validation": "test"} if "test" not in splits else {}
        return " ".join([AUDIT, *(f"--{last.get(name, name)} {self.path(below)}" for name, below in splits.items())])


def splits_of(source: Source, listing: Listing, notes: Sequence[str] = ()) -> dict[SplitName, str]:
    """Return the folder of each split in a root; an empty dict for a source of another role.

    Raises `UsageError` when a root holds no splits, or another source holds them: as classes, they would be compared
    with themselves. It names the command that reads the source; if there is none, raises `DataError`. Both name what
    the source holds, and repeat the `notes` about its files.
    """
    is_root, folders = source.role == "root", listing.with_images
    found = split_folders(folders)
    if bool(found) == is_root and folders:
        return found
    held = Held(source, listing)
    layout = next(filter(None, (layout(held) for layout in LAYOUTS)), None)
    raise (UsageError if layout else DataError)(" ".join([_described(held, layout), *notes]))


def _described(held: Held, layout: Layout) -> str:
    source = held.source
    if layout is None:
        return f"{source.name} {held.without_images()}; name another source (docs/data.md has all forms)."
    what, command = layout
    if source.columns:
        command += f" --columns {' '.join(quote(f'{use}={name}') for use, name in source.columns.items())}"
    if source.bytes is not None and held.folder in command:  # of an archive, a part is named
        what += f"; unpack it into {quote(held.folder)}"
    if command.startswith("--"):
        return f"{source.name} {what}; give `{command}`."
    another = f" or `{command.replace(DEDUPE, 'cleansplit split')}`" if command.startswith(DEDUPE) else ""
    return f"{source.name} {what}; run `{command}`{another}."


def _splits(held: Held) -> Layout:
    if not split_folders(set(held.images)):
        return None
    return f"holds {held.described()}, which are splits, not classes", f"{AUDIT} {quote(held.source.name)}"


def _links(held: Held) -> Layout:
    links = [path for kind, path in held.others if kind == "link" and held.source.bytes is None]
    if not links or (held.images and not any(map(split_in, links))):
        return None
    targets = [str(disk.resolved(Place(held.source.location) / path).parent) for path in links]
    command = f"{held.reads} {held.path('')} --follow-links {quote(posixpath.commonpath(targets))}"
    lead = "leads" if len(links) == 1 else "lead"
    return f"has {counted(len(links), 'link')} that {lead} out of it", command


def _batches(held: Held) -> Layout:
    folders = {posixpath.dirname(path) for path in held.called(BATCHES)}
    if len(folders) != 1 or (held.source.bytes is None and "" in folders):
        return None
    return "holds files of CIFAR or MNIST, which are read from their folder", f"{AUDIT} {held.path(folders.pop())}"


def _archives(held: Held) -> Layout:
    paths = held.called(ARCHIVES)
    endings = [re.split(ARCHIVES, path, flags=re.IGNORECASE)[1] for path in paths]
    patterns = {posixpath.join(posixpath.dirname(path), f"*{end}") for path, end in zip(paths, endings, strict=True)}
    splits = _by_split(patterns, posixpath.dirname)
    if held.images or len(patterns) != max(len(splits), 1):
        return None
    what = f"holds {counted(len(paths), 'archive')} such as {paths[0]}"
    named = {split_in(posixpath.basename(path)) for path in paths}
    if splits:
        return what, held.audit(splits)
    reads = DEDUPE if held.reads == AUDIT and not {"train"} < named - {None} else held.reads
    return what, f"{reads} {held.path(patterns.pop())}"


def _other_names(held: Held) -> Layout:
    folders, tables = _by_split(held.children), _by_split(held.called(TABLES))
    what = held.described() if folders else f"a table of each split, {some(list(tables.values()))}"
    return (f"holds {what}", held.audit(folders or tables)) if folders or tables else None


def _class_first(held: Held) -> Layout:
    if len({split_of_folder(f"{folder}/") for folder in held.images} - {None}) < 2:
        return None
    what = f"holds {held.described()}, with the splits inside; list the path, label and split of each in a table"
    return what, f"{AUDIT} TABLE"


def _one_set(held: Held) -> Layout:
    if not held.images:
        return None
    parts, others = posixpath.commonpath(held.images).split("/"), "no splits"
    for number in (number for number, part in enumerate(parts) if part.lower() in SPLIT_FOLDERS):
        split, beside = parts[number], Place(held.source.location) / "/".join(parts[:number])
        empty = [name for name in SPLIT_FOLDERS if name != split.lower() and at(beside / name).is_folder()]
        others = f"no split but {split}" + (f", with no images in {some(empty)}" if empty else "")
    return f"holds {held.described()}, and {others}", f"{DEDUPE} {quote(held.source.name)}"


def _by_split(paths: Iterable[str], part: Callable[[str], str] = str) -> dict[SplitName, str]:
    """Return the path of each split, by the last name in it; empty unless there are train and another split."""
    told = [(split, path) for path in paths if (split := split_in(posixpath.basename(part(path))))]
    found = dict(sorted(told, key=lambda one: SPLITS.index(one[0])))
    return found if "train" in found and 1 < len(found) == len(told) else {}


LAYOUTS = (_splits, _links, _batches, _archives, _other_names, _class_first, _one_set)
